package story

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

// The admin of a fresh server is the commander of the next region, so that the token of this machine can confirm.
const sunset = `apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec: {contacts: [{channel: webhook, address: "%[1]s/mira"}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: admin}
spec: {contacts: [{channel: webhook, address: "%[1]s/admin"}]}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  steps: [{targets: [{person: mira}]}]
---
apiVersion: nightkeeper/v1
kind: Region
metadata: {name: emea}
spec:
  timeZone: UTC
  coverage: {from: %[2]q, to: %[3]q}
  serves: [eu-west-1]
  chain: [{role: commander, person: mira}]
---
apiVersion: nightkeeper/v1
kind: Region
metadata: {name: americas}
spec:
  timeZone: UTC
  coverage: {from: %[3]q, to: %[4]q}
  chain: [{role: commander, person: admin}]
`

// The program is killed when a handoff is announced, while it becomes due, when the next commander is called, and while they
// confirm: each step is taken once, everybody is told, and nobody more than once for each kill.
func TestHandoffSurvivesKill(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := map[string]string{}         // by person: all that they got
	came := map[string]map[string]int{} // by person and message: how often
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m page.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if came[m.Person] == nil {
			came[m.Person] = map[string]int{}
		}
		came[m.Person][string(m.Notification)]++
		told[m.Person] += m.Title + ": " + m.Text + "\n"
	}))
	t.Cleanup(hook.Close)

	// Hours are whole minutes. There has to be time for an incident before the end.
	end := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	if time.Until(end) < 25*time.Second {
		end = end.Add(time.Minute)
	}
	hour := func(d time.Duration) string { return end.Add(d).Format("15:04") }
	p := newProcess(t, apptest.Files{"people.yaml": fmt.Sprintf(sunset, hook.URL, hour(-2*time.Hour), hour(0), hour(8*time.Hour))})
	p.start()
	kills := 0
	kill := func() {
		p.kill()
		kills++
	}
	p.api.Post("/alertmanager/api/v2/alerts", []map[string]any{{"labels": map[string]string{"alertname": "NobodyCanPay", "severity": "SEV1", "region": "eu-west-1"}}})
	incident := p.api.Await(respond.KindOpened, 0).Subject
	p.api.Post("/api/v1/incidents/"+incident+"/roles", map[string]string{"role": "commander", "person": "mira"})
	if time.Now().After(end) {
		t.Skip("this machine is so slow that the day was over before there was a commander")
	}

	pause(rand.N(60 * time.Millisecond)) // the announcement is due
	kill()
	p.start()
	announced := p.api.Await(respond.KindHandoffAnnounced, 0)
	h := func() respond.Handoff {
		return apptest.Get[respond.Handoff](p.api, "/api/v1/handoffs/"+announced.Subject)
	}
	if got := h(); got.From != "mira" || got.To != "admin" || !got.DueAt.Equal(end) {
		t.Fatalf("%+v", got)
	}

	pause(time.Until(end) - rand.N(50*time.Millisecond))
	kill()
	pause(time.Until(end))
	p.start()
	p.api.Await(respond.KindHandoffDue, 0)
	kill() // while the next commander is called
	p.start()

	is := func(person, text string) {
		t.Helper()
		p.eventually(person+" is told: "+text, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(told[person], text)
		})
	}
	is("admin", "You take command of "+incident)
	is("mira", "You hand over "+incident)
	is("admin", "Take over "+incident)

	answered := make(chan struct{})
	go func(api *apptest.Client) {
		defer close(answered)
		_, _ = api.Do(http.MethodPost, "/api/v1/handoffs/"+announced.Subject+"/accept", nil) // whether it is answered is left to chance
	}(p.api)
	pause(rand.N(30 * time.Millisecond))
	kill()
	<-answered
	p.start()
	if h().State != respond.Accepted {
		p.api.Post("/api/v1/handoffs/"+announced.Subject+"/accept", nil)
	}
	if got := apptest.Get[respond.Incident](p.api, "/api/v1/incidents/"+incident); got.Commander != "admin" || got.Handoff != "" {
		t.Errorf("%s has command, and the handoff is %q", got.Commander, got.Handoff)
	}
	is("mira", "admin has command of "+incident)
	mu.Lock()
	defer mu.Unlock()
	for person, messages := range came {
		again := 0
		for _, n := range messages {
			again += n - 1
		}
		t.Logf("%s after %d kills: %d messages, %d of them again", person, kills, len(messages)+again, again)
		if again > kills {
			t.Errorf("%s got %d messages again, more than one for each of %d kills", person, again, kills)
		}
	}
	steps := map[string]int{}
	for _, e := range apptest.Get[[]event.Event](p.api, "/api/v1/events?limit=1000") {
		steps[e.Kind]++
	}
	for _, kind := range []string{respond.KindHandoffAnnounced, respond.KindHandoffDue, respond.KindHandoffAccepted} {
		if steps[kind] != 1 {
			t.Errorf("%s happened %d times", kind, steps[kind])
		}
	}
}
