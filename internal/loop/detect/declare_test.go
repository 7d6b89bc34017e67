package detect_test

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

func TestPersonDeclaresWhatMonitoringDidNotSee(t *testing.T) {
	w := newWorld(t, "checkout")
	a, err := w.s.Declare(t.Context(), detect.Declared{Title: " Invoices are empty ", Service: "checkout", Severity: detect.SEV2, Customer: true, Since: w.now.Add(-20 * time.Minute)}, "mira", w.now)
	if err != nil {
		t.Fatal(err)
	}
	if a.Severity != detect.SEV2 || a.Service != "checkout" || a.Group == "" || a.Headline() != "checkout: Invoices are empty" || a.Finder() != "customer" || !a.StartsAt.Equal(w.now.Add(-20*time.Minute)) {
		t.Errorf("%+v", a)
	}
	again, err := w.s.Declare(t.Context(), detect.Declared{Title: "Nobody can pay", Severity: detect.SEV1}, "tomas", w.now)
	if err != nil || again.Group == a.Group || again.Finder() != "tomas" {
		t.Errorf("%+v, %v", again, err)
	}
	same, err := w.s.Declare(t.Context(), detect.Declared{Title: "Invoices are blank", Service: "checkout", Severity: detect.SEV3}, "tomas", w.now)
	if err != nil || same.Group != a.Group {
		t.Errorf("of the same service: %+v, %v", same, err)
	}
}

func TestDeclarationThatMakesNoSenseIsRefusedWithWhatWouldBeRight(t *testing.T) {
	w := newWorld(t, "checkout")
	for want, d := range map[string]detect.Declared{
		"title is missing":                   {Severity: detect.SEV1},
		"must be SEV1, SEV2, SEV3 or SEV4":   {Title: "x", Severity: "bad"},
		`no service named "chekout"`:         {Title: "x", Severity: detect.SEV1, Service: "chekout"},
		"since is in the future":             {Title: "x", Severity: detect.SEV1, Since: w.now.Add(time.Minute)},
		"since is more than a week ago; say": {Title: "x", Severity: detect.SEV1, Since: w.now.AddDate(0, -1, 0)},
	} {
		if _, err := w.s.Declare(t.Context(), d, "mira", w.now); !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), want) {
			t.Errorf("got %v, want invalid with %q", err, want)
		}
	}
}
