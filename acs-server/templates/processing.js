setTimeout(function(){document.getElementById("return").submit()},2000);
