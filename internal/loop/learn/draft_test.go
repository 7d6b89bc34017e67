package learn

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond/diagnose"
)

var rewrite = flag.Bool("update", false, "rewrite the golden files")

// badDeploy is a case that people had to end after a page went unanswered.
func badDeploy() Case {
	c := stormCase()
	i := &c.Incident
	i.ID, i.Group, i.Title, i.Severity = "INC-8", "grp_8", "payment: bad deploy", detect.SEV2
	i.OpenedAt, i.NamedAt, i.ResolvedAt, i.AckedAt = at(95), at(150), at(1900), at(800)
	i.Service, i.Reopened, i.Confidence, i.Reason = "payment", 1, diagnose.Medium, "rolled back by hand"
	i.Alerts, i.Burning, i.Affected = i.Alerts[:1], []string{"payment"}, []string{"payment"}
	i.Impact.Revenue = 0
	i.Diagnosis.Suspects = nil
	i.Cause = &diagnose.Suspect{
		Service: "payment", Kind: diagnose.BadDeploy, Score: 0.8, Version: "2.4.1", Previous: "2.4.0", Commit: "9f31c2a", Author: "mira",
		Evidence: []diagnose.Evidence{
			{Text: "88 of 300 requests fail in payment itself, with no failed call behind them (0.0 % before)", Link: "/traces?service=payment&errors=1"},
			{Text: "version 2.4.1 (commit 9f31c2a by mira) was deployed at 02:12:10 UTC, 2m0s before the first sign"},
		},
	}
	c.Runs = []remediate.Run{{ID: "run_2", Runbook: "rollback", State: remediate.Escalated, Reason: "nobody decided in time."}}
	c.Events = []event.Event{
		fact(detect.KindFired, 95, event.System, "payment", "payment burns its budget"),
		fact(page.KindOpened, 95, event.System, "payment", "people are told: no runbook may hold it"),
		fact(page.KindEscalated, 95, event.System, "payment", "step 1 of default, loop 1 of 3: telling mira"),
		fact(page.KindNotified, 95, event.System, "payment", "mira was told by inbox"),
		fact(page.KindFailed, 97, event.System, "payment", "mira could not be told by webhook: 410 gone"),
		fact(page.KindEscalated, 695, event.System, "payment", "step 2 of default, loop 1 of 3: telling jon"),
		fact(page.KindAcked, 800, "jon", "payment", "jon acknowledged the page"),
	}
	c.History = nil
	return c
}

func unknownCause() Case {
	c := badDeploy()
	i := &c.Incident
	i.ID, i.Title, i.Severity = "INC-9", "search burns its error budget", detect.SEV3
	i.Cause = &diagnose.Suspect{Kind: diagnose.Unknown}
	i.Service, i.Reopened = "search", 0
	c.Events, c.Runs, c.Catalog = nil, nil, nil
	return c
}

func TestPostmortemGolden(t *testing.T) {
	for name, c := range map[string]Case{"storm": stormCase(), "bad_deploy": badDeploy(), "unknown": unknownCause()} {
		t.Run(name, func(t *testing.T) {
			got := Write(c).Markdown
			file := filepath.Join("testdata", name+".md")
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("draft of %s differs from %s; run go test -update and read the diff\n%s", name, file, got)
			}
			if again := Write(c).Markdown; again != got {
				t.Error("the same case was drafted differently the second time")
			}
		})
	}
}

func TestDraftBlamesNobody(t *testing.T) {
	for name, c := range map[string]Case{"storm": stormCase(), "bad_deploy": badDeploy(), "unknown": unknownCause()} {
		md := Write(c).Markdown
		if found := Blame(md, people(c)...); len(found) > 0 {
			t.Errorf("draft of %s blames: %v", name, found)
		}
		_, after, _ := strings.Cut(md, "\n## Cause\n")
		after, _, _ = strings.Cut(after, "\n## Action items\n")
		for _, p := range []string{"mira", "jon"} {
			if strings.Contains(after, p) {
				t.Errorf("draft of %s names %s behind the timeline", name, p)
			}
		}
	}
}

func TestDraftHoldsNoHTML(t *testing.T) {
	c := stormCase()
	c.Incident.Title = "<script>alert(1)</script>\n# not a title"
	c.Events = append(c.Events, fact("respond.noted", 130, "<i>eve</i>", "", "line one\n## Not a section <img src=x>"))
	md := Write(c).Markdown
	if strings.Contains(md, "<") || strings.Contains(md, "\n## Not") || strings.Contains(md, "\n# not") {
		t.Errorf("recorded text became markup:\n%s", md)
	}
}

func TestCondenseDropsNoiseAndPutsAlertsTogether(t *testing.T) {
	got := timeline(stormCase())
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"02:14:53 — 2 more alerts fired until 02:14:58: `payment`, `user-preferences-api`",
		"02:18:10 — 3 alerts resolved until 02:18:20: `checkout`, `payment`, `user-preferences-api`",
		"4 services affected, 377 customer requests lost",
		"**mira** watching from the train",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("timeline lacks %q:\n%s", want, all)
		}
	}
	for _, no := range []string{"101 customer requests", "belongs here", "nobody was told", "postmortem drafted", "looking at"} {
		if strings.Contains(all, no) {
			t.Errorf("timeline has noise %q:\n%s", no, all)
		}
	}
}

func TestTimelineIsBounded(t *testing.T) {
	c := stormCase()
	for k := range 500 {
		c.Events = append(c.Events, fact("respond.noted", 300+k, "mira", "", "note "+thousands(int64(k))))
	}
	got := timeline(c)
	if len(got) > maxLines+1 {
		t.Errorf("timeline has %d lines, want at most %d", len(got), maxLines+1)
	}
	if !strings.Contains(got[len(got)-1], "note 499") || !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "/incidents/INC-7") }) {
		t.Error("a shortened timeline keeps its end and links to the rest")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 47 * time.Second: "47 s", 2 * time.Minute: "2 min", 133 * time.Second: "2 min 13 s",
		time.Hour: "1 h", 4*time.Hour + 30*time.Minute: "4 h 30 min", 59*time.Second + 900*time.Millisecond: "1 min",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
