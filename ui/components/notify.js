// A notification of the browser, once for each message. The browser asks the person first, and
// only after a click.
const TOLD = "maskpose-told";

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const possible = "Notification" in window;
  button.hidden = !possible || Notification.permission !== "default";
  button.onclick = async () => {
    await Notification.requestPermission();
    button.hidden = true;
  };
  if (!possible || !data.message || sessionStorage.getItem(TOLD) === data.moment) return;
  sessionStorage.setItem(TOLD, data.moment); // the page may be left and opened again
  if (Notification.permission === "granted") new Notification(data.title, { body: data.message });
}
