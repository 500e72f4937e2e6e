// One box that chooses all of a list; without a script there is none.
"use strict";
(() => {
  for (const all of document.querySelectorAll("input[data-all]")) {
    const boxes = [...all.form.querySelectorAll(`input[name="${all.dataset.all}"]`)];
    all.parentElement.hidden = false;
    all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
    all.form.addEventListener("change", () => {
      const chosen = boxes.filter((box) => box.checked).length;
      all.checked = chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    });
  }
})();
