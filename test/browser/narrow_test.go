package browser

import (
	"strings"
	"testing"
)

// On a phone each row of a table is a card whose numbers stand behind the names of their columns, also after an update.
func TestTablesAreCardsOnAPhone(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.clock.run()
	b := browse(t, w)
	b.signIn("amira")
	for _, l := range []look{looks[0], looks[2]} {
		b.take(l)
		b.open("/slos")
		b.wait("the names of the columns", `document.querySelector("#slos td[data-label]") !== null`)
		if got, want := eval[bool](b, `getComputedStyle(document.querySelector("#slos tbody tr")).display === "flex"`), l.width < 500; got != want {
			t.Errorf("%s: rows are cards: %t", l.name, got)
		}
	}
	said := `[...document.querySelectorAll("#slo-checkout-availability td")].map((e) => getComputedStyle(e, "::before").content).join("|")`
	want := `"Service"|"Objective"|"Window"|"Budget"|"Burn 1 h"|"Burn 6 h"|"Burn 3 d"|"State"`
	if got := eval[string](b, said); !strings.HasSuffix(got, want) {
		t.Errorf("the numbers stand behind %s", got)
	}
	if wide := eval[[]string](b, `[...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.getAttribute("aria-label"))`); len(wide) > 0 {
		t.Errorf("still to be scrolled: %s", wide)
	}
	eval[bool](b, `document.addEventListener("htmx:after:swap", () => window.swapped = true); true`)
	b.wait("an update", `window.swapped === true`)
	if got := eval[string](b, said); !strings.HasSuffix(got, want) {
		t.Errorf("after an update they stand behind %s", got)
	}
}

// The map is opened where the trouble is, on a phone too.
func TestMapOpensOnWhatBurns(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.burn()
	b := browse(t, w)
	b.signIn("amira")
	for _, l := range []look{looks[0], looks[2]} {
		b.take(l)
		b.open("/map")
		b.wait("the cause", `document.querySelector("#map .node.cause") !== null`)
		if !eval[bool](b, `(() => {
			const box = document.querySelector("#map").getBoundingClientRect();
			const node = document.querySelector("#map .node.cause").getBoundingClientRect();
			return document.querySelector("#map .node.cause").textContent.includes("user-preferences-api")
				&& node.left >= box.left && node.right <= box.right && node.top >= box.top && node.bottom <= box.bottom;
		})()`) {
			t.Errorf("%s: the cause is out of view", l.name)
		}
	}
}

// Where nothing is seen yet the pages say what to do.
func TestPagesWithoutServicesSayHowToSendTelemetry(t *testing.T) {
	w := newWorld(t)
	v := visit(t, w)
	v.signIn("amira")
	for _, path := range []string{"/", "/map", "/services"} {
		if _, body := v.get(path); !strings.Contains(body, "Send OpenTelemetry by OTLP") {
			t.Errorf("%s does not say how to send telemetry", path)
		}
	}
	b := browse(t, w)
	b.signIn("amira")
	b.open("/map")
	b.wait("no empty frame of a map", `document.querySelector("#map").hidden`)
	b.see(t, looks[2:], "/map", "map-empty")
}
