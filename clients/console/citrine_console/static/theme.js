// Sets the appearance that was chosen before anything is painted. A classic script in the head, so that it runs first.
"use strict";
{
  const chosen = localStorage.getItem("citrine-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
