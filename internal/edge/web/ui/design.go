package ui

import (
	"net/http"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/remediate"
)

// tokens are the colours of the design language and what each is for.
var tokens = []struct{ Name, For string }{
	{"ground", "the page"}, {"raised", "what lies on it"}, {"sunken", "what is let into it: fields, code"}, {"line", "hairlines"},
	{"text", "what is said"}, {"text-2", "what supports it"}, {"text-3", "what can be passed over"},
	{"lamp", "the one accent: attention without alarm"}, {"burn", "what burns now, and nothing else"}, {"calm", "proven recovery, and nothing else"},
}

// designData is made up: the page shows every component without a store.
type designData struct {
	Now   time.Time
	Steps runShown
	Ask   asked
	Lost  runShown
	Spark []float64
	Bars  []barRow
}

type barRow struct {
	Tone, Name, Value string
	Share             float64
}

func (s *server) designPage(r *http.Request) (view, error) {
	now := shellOf(r.Context()).Now
	run := remediate.Run{
		ID: "run_design", Incident: "INC-42", Runbook: "retry-storm", Title: "Cut the retries", Risk: catalog.Medium, State: remediate.Waiting,
		Reason: "waits for approval", StartedBy: "nightkeeper", StartedAt: now.Add(-94 * time.Second),
	}
	d := designData{Now: now, Spark: []float64{3, 4, 4, 5, 9, 14, 12, 7, 5, 4, 4, 3}}
	d.Ask = asked{remediate.Approval{Run: run.ID, Seq: 4, Text: "Open the breaker in front of user-preferences-api for 2 minutes", State: remediate.Pending, Deadline: now.Add(3 * time.Minute)}, run}
	d.Steps = runShown{Run: run, Steps: []step{
		{Seq: 1, What: "service.stats", With: "user-preferences-api", State: "done", Answer: "{\n  \"requests\": 1204\n}", At: now.Add(-93 * time.Second)},
		{Seq: 2, What: "note", With: "58 % of the calls are repeats", State: "done", At: now.Add(-92 * time.Second)},
		{Seq: 3, What: "http.post", With: "http://cart-api/control/breaker", State: "failed", Error: "cart-api answered 503", At: now.Add(-90 * time.Second)},
		{Seq: 4, What: "approve", With: d.Ask.Text, State: "waiting", Since: now.Add(-88 * time.Second)},
	}}
	d.Lost = runShown{Run: run, Steps: []step{{Seq: 3, What: "http.once", With: "http://cart-api/control/restart", State: "unknown"}}}
	d.Lost.ID, d.Lost.State = "run_lost", remediate.Unknown
	d.Bars = []barRow{{"plain", "spent", "23 %", 0.23}, {"lamp", "spent", "86 %", 0.86}, {"burn", "spent, still burning", "131 %", 1.31}}
	return view{Title: "Design", Body: designBody(d), Wide: true, Bare: shellOf(r.Context()).User.Name == ""}, nil
}

var severities = []detect.Severity{detect.SEV1, detect.SEV2, detect.SEV3, detect.SEV4}
