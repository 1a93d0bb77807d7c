// The little that pages do beyond HTML. Everything can be read without it.
"use strict";

// htmx sends the CSRF token of the page with each request that writes.
document.addEventListener("htmx:config:request", (event) => {
  const field = document.querySelector("input[name=csrf]");
  const request = event.detail.ctx && event.detail.ctx.request;
  if (field && request && request.headers) request.headers["X-CSRF-Token"] = field.value;
});

// <button data-copies="ID"> copies the text of that element.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
});
