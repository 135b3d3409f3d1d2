const font = 'Inter, system-ui, sans-serif';
const mono = 'ui-monospace, "SF Mono", Menlo, Consolas, monospace';

Redoc.init("openapi.json", {
  hideDownloadButton: true, // the link is at the top
  hideHostname: true,
  nativeScrollbars: true,
  scrollYOffset: 46,
  theme: {
    colors: { primary: { main: "#2f55d4" }, responses: { redirect: { color: "#7a4e00", backgroundColor: "#fff6e6" } } },
    typography: {
      fontFamily: font, headings: { fontFamily: font, fontWeight: "600" },
      code: { fontFamily: mono, fontSize: "13px", color: "#8a2c4f", wrap: true },
    },
    sidebar: { backgroundColor: "#f7f8fa", textColor: "#333a47" },
    rightPanel: { backgroundColor: "#1a1f2b" },
  },
}, document.getElementById("api"));
