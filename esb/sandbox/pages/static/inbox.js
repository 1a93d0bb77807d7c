// Keeps the inbox live, and presses the fault buttons without leaving the page. Without it, everything can be read and done.
"use strict";

(() => {
  const feed = document.getElementById("feed");
  const live = document.getElementById("live");
  const MOST = 100; // messages on the page: it stays open for days
  const RELOAD_MS = 1000;
  let unseen = 0;

  // The HTML of a message comes from the server, which has escaped all that others wrote.
  function elementOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    return template.content.firstElementChild;
  }

  function show(html) {
    const message = elementOf(html);
    const before = document.getElementById(message.id);
    if (before) {
      before.replaceWith(message);
      return;
    }
    if (feed.dataset.older) {
      document.getElementById("fresh").hidden = false;
      return;
    }
    message.classList.add("is-new");
    feed.prepend(message);
    document.getElementById("empty")?.remove();
    while (feed.children.length > MOST) feed.lastElementChild.remove();
    if (document.hidden) count(unseen + 1);
  }

  function count(number) {
    unseen = number;
    document.title = (number ? `(${number}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  }

  function told(isLive) {
    live.hidden = false;
    live.classList.toggle("is-off", !isLive);
    live.textContent = isLive ? live.dataset.on : live.dataset.off;
  }

  function listen() {
    const source = new EventSource(feed.dataset.events);
    source.addEventListener("open", () => told(true));
    source.addEventListener("error", () => told(false));
    source.addEventListener("message", (event) => show(event.data));
    source.addEventListener("total", (event) => {
      document.getElementById("total").textContent = event.data;
    });
    source.addEventListener("faults", (event) => {
      document.getElementById("fault-list").innerHTML = event.data;
    });
    source.addEventListener("reload", () => {
      source.close();
      setTimeout(() => location.reload(), RELOAD_MS);
    });
    window.addEventListener("pagehide", () => source.close());
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  async function press(event) {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => location.reload());
  }

  function fitButtons(calls) {
    for (const button of document.querySelectorAll("button[data-calls]")) {
      button.disabled = !button.dataset.calls.split(" ").includes(calls.value);
    }
  }

  document.addEventListener("visibilitychange", () => document.hidden || count(0));
  if (feed && window.EventSource) {
    listen();
    document.addEventListener("submit", press);
    const calls = document.querySelector("select[name=calls]");
    calls.addEventListener("change", () => fitButtons(calls));
    fitButtons(calls);
  }
})();
