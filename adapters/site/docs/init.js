// Tokens that are typed here stay in this page: nothing is written down.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#api",
    deepLinking: false, // its links stand inside of buttons, where no keyboard finds them
    validatorUrl: null,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    syntaxHighlight: { activated: true, theme: "nord" },
    onComplete: () => document.getElementById("servers")?.setAttribute("aria-label", "Server"),
  });
});
