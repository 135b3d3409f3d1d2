Redoc.init(globalThis.spec, {
  hideDownloadButton: true, hideHostname: true, nativeScrollbars: true, disableSearch: true, // a page from disk may start no worker
  theme: { colors: { primary: { main: "#2f55d4" } }, typography: { fontFamily: "Inter, system-ui, sans-serif", headings: { fontFamily: "Inter, system-ui, sans-serif" } } },
}, document.getElementById("api"));
