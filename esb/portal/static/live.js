// <… hx-trigger="look" data-looks="5"> is loaded anew every so many seconds while somebody sees the page. Where that
// fails, the element with the id data-stale is shown: what stands there is old.
"use strict";

for (const live of document.querySelectorAll("[data-looks]")) {
  const stale = document.getElementById(live.dataset.stale);
  const look = () => { if (document.visibilityState === "visible") htmx.trigger(live, "look"); };
  setInterval(look, Number(live.dataset.looks) * 1000);
  document.addEventListener("visibilitychange", look);
  live.addEventListener("htmx:before:response", (event) => {
    const failed = event.detail.ctx.response.status >= 400;
    stale.hidden = !failed;
    if (failed) event.preventDefault();
  });
  live.addEventListener("htmx:error", () => { stale.hidden = false; });
}
