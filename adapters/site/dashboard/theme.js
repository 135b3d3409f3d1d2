// Runs before anything is drawn, so that no page flashes in the other colours.
try {
  const chosen = localStorage.getItem("imgd.theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing follows the system */ }
