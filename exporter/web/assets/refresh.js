// Fetches an open page again and patches in what has changed. Without JavaScript a reload does the same.
"use strict";

(() => {
  const period = Number(document.currentScript.dataset.seconds) * 1000;
  const parts = ["asof", "suspension", "counts", "rows", "pager", "now", "facts", "reading", "settings", "polls"];
  const button = document.getElementById("pause");
  const trouble = document.getElementById("trouble");
  let paused = false;

  // Change only what differs, so that focus, selection and scroll position stay.
  const patch = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) return void (old.nodeValue = fresh.nodeValue);
    for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const name of fresh.getAttributeNames()) old.setAttribute(name, fresh.getAttribute(name));
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    before.slice(after.length).forEach((node) => node.remove());
    after.forEach((node, place) => (place < before.length ? patch(before[place], node) : old.append(node)));
  };

  const update = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    // the device is gone
    if (answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of parts) {
      const old = document.getElementById(id);
      const fresh = page.getElementById(id);
      if (old && fresh && !paused) patch(old, fresh);
    }
  };

  const look = async () => {
    if (!paused && !document.hidden) {
      try {
        await update();
        trouble.textContent = "";
      } catch {
        trouble.textContent = "The exporter does not answer: this page is not current.";
      }
    }
    setTimeout(look, period);
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
  });
  setTimeout(look, period);
})();
