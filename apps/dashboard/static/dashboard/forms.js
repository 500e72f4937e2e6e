// Small helps of the forms: drop a file, show what fits a choice, ask before what cannot be undone.
"use strict";
(() => {
  for (const select of document.querySelectorAll("select[data-submits]")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.addEventListener("submit", (event) => { if (!window.confirm(form.dataset.confirm)) event.preventDefault(); });
  }
  const who = document.querySelector("details.who");
  document.addEventListener("click", (event) => { if (who && !who.contains(event.target)) who.open = false; });
  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      if (!event.target.matches("[aria-invalid]")) return;
      event.target.removeAttribute("aria-invalid");
      for (const fault of event.target.parentElement.querySelectorAll(".fault")) fault.remove();
    });
  }
  for (const place of document.querySelectorAll(".drop")) {
    const input = place.querySelector("input[type=file]");
    const chosen = place.querySelector("[data-chosen]");
    const say = () => { chosen.textContent = input.files.length ? input.files[0].name : ""; };
    input.addEventListener("change", say);
    for (const kind of ["dragover", "dragleave", "drop"]) {
      place.addEventListener(kind, (event) => { event.preventDefault(); place.classList.toggle("over", kind === "dragover"); });
    }
    place.addEventListener("drop", (event) => { input.files = event.dataTransfer.files; say(); });
    place.closest("form").addEventListener("submit", (event) => send(event, place));
  }

  function send(event, place) {
    const form = event.target;
    const bar = form.querySelector("progress");
    if (!bar || !window.XMLHttpRequest) return;
    event.preventDefault();
    const buttons = form.querySelectorAll("button");
    const fault = form.querySelector("[data-fault]");
    const refuse = (text) => {
      fault.textContent = text; fault.hidden = false; bar.hidden = true;
      for (const button of buttons) button.disabled = false;
    };
    const file = form.querySelector("input[type=file]").files[0];
    if (file && file.size > Number(form.dataset.mostBytes)) { refuse(form.dataset.tooLarge); return; }
    fault.hidden = true;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.onprogress = (e) => { if (e.lengthComputable) { bar.hidden = false; bar.value = e.loaded / e.total; } };
    request.upload.onload = () => { bar.removeAttribute("value"); };
    request.onload = () => {
      if (request.responseURL && request.status < 400) { window.location.assign(request.responseURL); return; }
      if ((request.getResponseHeader("Content-Type") || "").startsWith("application/problem+json")) {
        refuse(form.getAttribute(`data-say-${request.status}`) || JSON.parse(request.responseText).detail); return;
      }
      document.open(); document.write(request.responseText); document.close();
    };
    request.onerror = () => form.submit();
    for (const button of buttons) button.disabled = true;
    request.send(new FormData(form));
  }

  // The automatic choice always searches; the time that is set for it is taken back with it.
  function fitSearch(select, kind) {
    const isSet = "isSet" in select.dataset;
    const none = select.options[0];
    none.hidden = none.disabled = kind === "always";
    if (kind === "always" && !select.value) { select.value = select.options[1].value; select.dataset.isSet = ""; }
    if (kind !== "always" && isSet) { select.value = ""; delete select.dataset.isSet; }
    select.disabled = select.parentElement.hidden = kind === "never";
  }

  const task = document.querySelector("[data-choices]");
  if (task) {
    const fit = () => {
      const wanted = task.querySelector("[name=task]:checked")?.value;
      let first = null;
      for (const choice of task.querySelectorAll(".choice[data-tasks]")) {
        const fits = choice.dataset.tasks.split(" ").includes(wanted);
        choice.hidden = !fits;
        const radio = choice.querySelector("input[type=radio]");
        if (!fits) radio.checked = false;
        if (fits && !first && radio.dataset.search !== "always") first = radio;
      }
      if (!task.querySelector("[name=algorithm]:checked") && first) first.checked = true;
      const algorithm = task.querySelector("[name=algorithm]:checked");
      const chosen = algorithm?.value;
      fitSearch(task.querySelector("[name=search]"), algorithm?.dataset.search);
      for (const set of task.querySelectorAll("[data-parameters]")) {
        set.hidden = set.dataset.parameters !== chosen;
        set.disabled = set.hidden;
      }
      for (const part of task.querySelectorAll("[data-for]")) {
        part.hidden = !part.dataset.for.split(" ").includes(wanted);
        for (const field of part.querySelectorAll("select, input")) field.disabled = part.hidden;
      }
      const target = task.querySelector("[name=target]");
      for (const option of target?.querySelectorAll("option[data-tasks]") ?? []) {
        option.disabled = !target.disabled && !option.dataset.tasks.split(" ").includes(wanted);
        if (option.disabled && option.selected) target.value = "";
      }
      for (const box of task.querySelectorAll("[name=left_out]")) {
        box.parentElement.hidden = !target?.disabled && box.value === target?.value;
      }
    };
    task.addEventListener("change", (event) => {
      if (event.target.name === "search") delete event.target.dataset.isSet;
      fit();
    });
    fit();
  }

  const compared = document.querySelector("[data-compare]");
  const told = compared?.querySelector("[data-changed]");
  if (told) {
    const compare = () => {
      const changed = [];
      const isSearched = Boolean(compared.querySelector("[name=search]")?.value);
      for (const label of compared.querySelectorAll("label")) {
        const live = label.querySelector("[data-live]");
        const field = label.querySelector("input, select");
        if (!live) continue;
        const differs = field.value.trim().replace(",", ".") !== live.dataset.live;
        label.classList.toggle("changed", differs && !isSearched);
        if (differs) changed.push(label.firstChild.textContent.trim());
      }
      told.textContent = changed.length ? `${told.dataset.changed} ${changed.join(", ")}` : told.dataset.same;
      told.hidden = isSearched;
    };
    compared.addEventListener("input", compare);
    compare();
  }
})();
