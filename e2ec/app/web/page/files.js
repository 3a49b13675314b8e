// Files that a person picks, drops or pastes.

export function receiveFiles(input, stage, receive) {
  input.addEventListener("change", () => {
    if (input.files.length) receive(input.files[0]);
    input.value = ""; // the same file may be picked again
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    stage.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    stage.classList.remove("dropping");
    if (event.dataTransfer.files.length) receive(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) receive(file);
  });
}
