// A fieldset of radio buttons, or one number field: native controls, so that
// keyboard and screen readers need nothing of ours.
let count = 0;

export default {
  render({ model, el }) {
    const leave = new AbortController();
    const listen = { signal: leave.signal };
    const name = `vae-prediction-${++count}`;

    const box = document.createElement("fieldset");
    box.className = "vae-prediction";
    const legend = box.appendChild(document.createElement("legend"));
    const question = box.appendChild(document.createElement("p"));
    question.className = "question";
    question.id = `${name}-question`;
    legend.textContent = "Predict first";
    legend.id = `${name}-legend`;
    // both are the name: a description is not read by every screen reader
    box.setAttribute("aria-labelledby", `${legend.id} ${question.id}`);
    const choices = box.appendChild(document.createElement("div"));
    choices.className = "choices";
    const status = box.appendChild(document.createElement("p"));
    status.className = "result";
    status.setAttribute("role", "status");

    function choose(value) {
      model.set("guess", value);
      model.save_changes();
    }

    function build() {
      question.textContent = model.get("question");
      choices.replaceChildren();
      const options = model.get("options");
      for (const [i, option] of options.entries()) {
        const label = choices.appendChild(document.createElement("label"));
        const input = label.appendChild(document.createElement("input"));
        Object.assign(input, { type: "radio", name, value: option, id: `${name}-${i}` });
        label.append(option);
        input.addEventListener("change", () => choose(option), listen);
      }
      if (!options.length) {
        const label = choices.appendChild(document.createElement("label"));
        label.append("Your number ");
        const input = label.appendChild(document.createElement("input"));
        Object.assign(input, { type: "text", inputMode: "decimal", autocomplete: "off" });
        input.setAttribute("aria-describedby", question.id);
        // the value goes to the kernel at once, so that Shift+Enter cannot outrun it …
        input.addEventListener("input", () => choose(input.value.trim()), listen);
        // … the words wait until it is whole: they are read aloud
        input.addEventListener("change", tell, listen);
      }
      show();
    }

    function show() {
      const guess = model.get("guess");
      for (const input of choices.querySelectorAll("input")) {
        if (input.type === "radio") input.checked = input.value === guess;
        else if (document.activeElement !== input) input.value = guess;
      }
      if (!choices.contains(document.activeElement) || document.activeElement.type === "radio") tell();
    }

    function tell() {
      const guess = model.get("guess");
      const result = model.get("result");
      const next = model.get("next") ?? "Now run the next cells."; // a page without a kernel says otherwise
      const waiting = guess ? `Your prediction: ${guess}. ${next} ${model.get("warning")}` : "";
      status.textContent = result || waiting;
      // the answer is known: what was predicted stays as it was
      for (const input of choices.querySelectorAll("input")) input.disabled = Boolean(result);
    }

    // JupyterLab would take arrows and letters for moving cells; what it needs goes through
    box.addEventListener("keydown", (event) => {
      const passes = event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape"].includes(event.key)
        || (event.shiftKey && event.key === "Enter");
      if (!passes) event.stopPropagation();
    }, listen);

    model.on("change:guess", show);
    model.on("change:result", tell);
    model.on("change:warning", tell);
    build();
    el.appendChild(box);
    return () => {
      leave.abort();
      model.off("change:guess", show);
      model.off("change:result", tell);
      model.off("change:warning", tell);
    };
  },
};
