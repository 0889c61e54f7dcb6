(function () {
  "use strict";
  var byId = function (id) { return document.getElementById(id); };
  var say = function (text) { var line = byId("progress"); if (line) line.textContent = text; };

  // A message of our own page inside a frame, never of anybody else.
  function onReturn(step, act) {
    window.addEventListener("message", function (event) {
      var data = event.data;
      if (event.origin === window.location.origin && data && data.from === "ds-sim" && data.step === step) act();
    });
  }

  function state(url, act) {
    fetch(url, { cache: "no-store" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (known) { if (known) act(known); })
      .catch(function () { /* the next poll asks again */ });
  }

  function checkout() {
    var picker = byId("card"), number = byId("number"), expiry = byId("expiry"), note = byId("card-note");
    var errors = byId("errors");
    if (errors) errors.focus();
    if (!picker) return;
    function describe(fill) {
      var card = picker.options[picker.selectedIndex].dataset;
      note.hidden = !card.pan;
      note.querySelector("[data-of=scenario]").textContent = card.scenario || "";
      note.querySelector("[data-of=expect]").textContent = card.expect || "";
      if (fill) { number.value = card.pan || ""; expiry.value = card.expiry || ""; }
    }
    picker.addEventListener("change", function () { describe(true); });
    number.addEventListener("input", function () {
      var typed = number.value.replace(/[^0-9]/g, "");
      var at = Array.prototype.findIndex.call(picker.options, function (option) {
        return option.dataset.pan && option.dataset.pan.replace(/ /g, "") === typed;
      });
      picker.selectedIndex = at < 0 ? picker.options.length - 1 : at;
      describe(false);
    });
    describe(!number.value);
    document.querySelector(".checkout-form").addEventListener("submit", function (event) {
      var button = event.target.querySelector(".primary");
      setTimeout(function () { button.disabled = true; }, 0);
      setTimeout(function () { button.disabled = false; }, 8000);
    });
  }

  // The 3DS Method, when there is one, then the AReq.
  function method(flow) {
    var form = byId("method"), asked = false;
    function ask() {
      if (asked) return;
      asked = true;
      byId("step-method").removeAttribute("aria-current");
      byId("step-ask").setAttribute("aria-current", "step");
      say(flow.dataset.asking);
      var facts = {
        language: navigator.language,
        color_depth: screen.colorDepth,
        screen_height: screen.height,
        screen_width: screen.width,
        tz: new Date().getTimezoneOffset(),
        java: false
      };
      fetch(flow.dataset.authenticate, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(facts)
      }).then(function (answer) {
        if (!answer.ok) throw new Error("HTTP " + answer.status);
        return answer.json();
      }).then(function (answer) {
        window.location.replace(answer.next);
      }).catch(function () {
        say(flow.dataset.failed);
        document.body.classList.add("stopped");
        byId("retry").hidden = false;
        byId("retry").querySelector("a").focus();
      });
    }
    if (!form) return ask();
    onReturn("method", ask);
    setTimeout(ask, Number(flow.dataset.limit));
    form.submit();
  }

  // The challenge ends by its final form, or by a result that reaches the shop without it.
  function challenge(flow) {
    document.body.classList.add("scripted");
    var frame = byId("challenge"), gone = false, result = 0;
    function leave() {
      if (gone) return;
      gone = true;
      say(flow.dataset.ended);
      window.location.replace(flow.dataset.receipt);
    }
    onReturn("challenge", leave);
    frame.addEventListener("load", function () {
      if (!result) say(flow.dataset.open);
    });
    setInterval(function () {
      state(flow.dataset.state, function (known) {
        if (known.cres) return leave();
        if (!known.rreq) return;
        // The final form usually follows at once; after an idle timeout none comes.
        if (!result) { result = Date.now(); say(flow.dataset.ended); }
        if (Date.now() - result > 5000) leave();
      });
    }, 1500);
    byId("creq").submit();
    byId("challenge-title").focus({ preventScroll: true });
  }

  var flow = byId("flow");
  if (!flow) checkout();
  else if ("challenge" in flow.dataset) challenge(flow);
  else method(flow);
})();
