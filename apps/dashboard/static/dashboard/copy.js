// Buttons that copy what stands in another element; without script they stay hidden.
"use strict";
(() => {
  function select(place) {
    const range = document.createRange();
    range.selectNodeContents(place);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function copy(place) {
    if (navigator.clipboard) return navigator.clipboard.writeText(place.textContent);
    select(place); // on plain HTTP the page may not use the clipboard directly
    if (!document.execCommand("copy")) throw new Error("not copied: the text is selected instead");
    return undefined;
  }

  for (const button of document.querySelectorAll("button[data-copies]")) {
    const place = document.getElementById(button.dataset.copies);
    const words = button.textContent;
    button.hidden = false;
    button.addEventListener("click", () => {
      copy(place).then(() => {
        button.textContent = button.dataset.copied;
        window.setTimeout(() => { button.textContent = words; }, 2000);
      }, () => select(place));
    });
  }
})();
