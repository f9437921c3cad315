// A notification of the browser, once for each message. The browser asks the person first, and
// only after a click.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const possible = "Notification" in window;
  button.hidden = !possible || Notification.permission !== "default";
  button.onclick = async () => {
    await Notification.requestPermission();
    button.hidden = true;
  };
  if (!possible || !data.message || parentElement.dataset.told === data.message) return;
  parentElement.dataset.told = data.message;
  if (Notification.permission === "granted") new Notification(data.title, { body: data.message });
}
