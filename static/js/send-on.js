// A form that sends itself: the answer of a vendor's form, once more from a page of our own, so that the session goes along.

document.querySelector("form[data-send-on]").submit();
