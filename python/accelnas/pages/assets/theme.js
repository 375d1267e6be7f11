"use strict";
// Light or dark: as the system wants it, or as the button of the page says.

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  if (typeof Charts !== "undefined") Charts.redraw();
});
