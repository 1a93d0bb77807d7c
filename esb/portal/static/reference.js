// The API reference: swagger-ui over the document that this portal serves. It calls nothing and keeps nothing.
"use strict";

const place = document.getElementById("reference");
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

// swagger-ui names neither its choices nor its examples for those who do not see them.
function name() {
  for (const choice of place.querySelectorAll("select:not([aria-label], [id])")) {
    const row = choice.closest("[data-param-name]");
    choice.setAttribute("aria-label", row ? row.dataset.paramName : "Content-Type");
  }
  for (const shown of place.querySelectorAll("pre.microlight:not([tabindex]), .highlight-code pre:not([tabindex])")) shown.tabIndex = 0;
}

new MutationObserver(name).observe(place, { childList: true, subtree: true });
dark.addEventListener("change", paint);
paint();
SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  docExpansion: place.dataset.many ? "none" : "list",
  filter: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  queryConfigEnabled: false,
  supportedSubmitMethods: [],
  validatorUrl: null,
  // Nothing is called from here, so nobody is asked for credentials.
  plugins: [{ wrapComponents: { authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null } }],
  onComplete: () => place.classList.add("drawn"), // for tests
});
