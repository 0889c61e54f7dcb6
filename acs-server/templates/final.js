(function(){var n=performance.getEntriesByType("navigation")[0];if(!n||n.type!=="back_forward")document.getElementById("return").submit()})();
