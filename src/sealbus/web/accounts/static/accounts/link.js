// Takes the secret from behind the "#", where no server and no log sees it. A second try has it in the form already.
"use strict";
const field = document.getElementById("secret");
if (field) {
  field.value = window.location.hash.slice(1) || field.value;
  document.getElementById("lacking").hidden = field.value !== "";
}
