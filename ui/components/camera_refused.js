// Says why the camera does not start: Gradio's own message is the same for every reason.
const REASONS = {
  NotAllowedError: "The browser refuses the camera to this page. Allow it in the address bar or " +
    "in the browser's settings, and press the camera again.",
  NotFoundError: "No camera is connected to this computer. Photos and videos work without one.",
  NotReadableError: "Another program uses the camera. Close it and press the camera again.",
};
const INSECURE = "Browsers give the camera only to pages on this computer or over https.";

const line = element.querySelector("p");
const say = (words) => { line.textContent = words; line.hidden = !words; };

if (!navigator.mediaDevices) {
  say(INSECURE);
} else {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    try {
      const stream = await ask(wishes);
      say("");
      return stream;
    } catch (error) {
      say(REASONS[error.name] || `The camera does not start: ${error.message || error.name}`);
      throw error;
    }
  };
}
