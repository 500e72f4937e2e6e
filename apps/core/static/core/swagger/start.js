"use strict";
const place = document.getElementById("swagger");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const fit = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", fit);
fit();
SwaggerUIBundle({
  url: place.dataset.schema, domNode: place, deepLinking: true, validatorUrl: null, docExpansion: "list",
  defaultModelsExpandDepth: 0, defaultModelExpandDepth: 2, displayRequestDuration: true, persistAuthorization: false,
  // deep links of Swagger begin with "#/"; those to a problem are ours
  onComplete: () => { if (window.location.hash.startsWith("#problem-")) document.querySelector(window.location.hash)?.scrollIntoView(); },
});
