// The page inside a frame tells the shop's page around it that the ACS is done; as a page of its
// own it goes on by itself.
(function () {
  "use strict";
  var step = document.body.dataset.step;
  if (window.parent !== window) {
    window.parent.postMessage({ from: "ds-sim", step: step }, window.location.origin);
  } else if (step === "challenge") {
    window.location.replace("/receipt/" + document.body.dataset.id);
  }
})();
