package detect

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
)

func TestSeverityFollowsTierAndSpeed(t *testing.T) {
	rules := slo.Rules(30 * 24 * time.Hour)
	fast, slow, ticket := rules[0], rules[1], rules[2]
	f := func(tier catalog.Tier, r slo.Rule, want Severity) {
		t.Helper()
		if got := severityOf(tier, slo.Reading{Rule: r}.Rule); got != want {
			t.Errorf("%s, %s: %s, want %s", tier, r.Name, got, want)
		}
	}
	f(catalog.Critical, fast, SEV1)
	f(catalog.Critical, slow, SEV2)
	f(catalog.Critical, ticket, SEV4)
	f(catalog.Standard, fast, SEV2)
	f(catalog.Standard, slow, SEV3)
	f(catalog.Standard, ticket, SEV4)
	f(catalog.Experimental, fast, SEV3)
	f(catalog.Experimental, slow, SEV3)
	f(catalog.Experimental, ticket, SEV4)
}

func TestWorse(t *testing.T) {
	f := func(a, b Severity, want bool) {
		t.Helper()
		if got := a.Worse(b); got != want {
			t.Errorf("%q worse than %q: %v", a, b, got)
		}
	}
	f(SEV1, SEV2, true)
	f(SEV2, SEV1, false)
	f(SEV2, SEV2, false)
	f(SEV4, "", true)
	f("", SEV4, false)
}

func TestJoinFindsTheGroupOfACascade(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	related := map[string][]string{"cart": {"checkout"}, "shelf": {"stock"}, "letters": {"mailer"}}
	groups := []Group{
		{ID: "over", Services: []string{"cart"}, QuietAt: now.Add(-Linger - time.Second)},
		{ID: "quiet", Services: []string{"search"}, QuietAt: now.Add(-Linger)},
		{ID: "open", Services: []string{"checkout"}},
		{ID: "calm", Services: []string{"stock"}, QuietAt: now.Add(-stragglers)},
		{ID: "calm for longer", Services: []string{"mailer"}, QuietAt: now.Add(-stragglers - time.Second)},
	}
	f := func(service string, want GroupID) {
		t.Helper()
		g, why := join(groups, service, related[service], now)
		if (g == nil) != (want == "") || (g != nil && g.ID != want) || why == "" {
			t.Errorf("%s joins %+v because %q, want %q", service, g, why, want)
		}
	}
	f("checkout", "open")
	f("cart", "open") // connected; the group that had it is over
	f("search", "quiet")
	f("mail", "")
	f("shelf", "calm") // a straggler of the cascade
	f("letters", "")   // next to what was, and on its own
	f("mailer", "calm for longer")
}

func TestHeadlineLacksNoWord(t *testing.T) {
	for want, a := range map[string]Alert{
		"an alert without a title":        {Source: "cron"},
		"checkout":                        {Source: "cron", Service: "checkout"},
		"disk is full":                    {Source: "cron", Title: "disk is full"},
		"checkout: disk is full":          {Source: "cron", Service: "checkout", Title: "disk is full"},
		"checkout is slow":                {Source: "cron", Service: "checkout", Title: "checkout is slow"},
		"checkout burns its error budget": {Service: "checkout"},
	} {
		if got := a.Headline(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
