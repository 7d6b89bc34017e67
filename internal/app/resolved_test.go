package app_test

import (
	"net/http"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// A person says that an incident is over while its alert still fires. The next alert of the same service is another trouble,
// and somebody is told.
func TestAlertAfterAPersonEndedTheIncidentIsPaged(t *testing.T) {
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")}, nil)
	intake := w.Token("intake")
	alert := func(title string) {
		t.Helper()
		if got := send(t, w, "/integrations/v1/webhook/"+intake+"/", "", `{"title":"`+title+`","service":"mailer","severity":"SEV1"}`); got != http.StatusOK {
			t.Fatal(got)
		}
	}
	alert("mailer is down")
	first := w.API.AwaitWhere(page.KindNotified, 0, func(event.Event) bool { return true })
	w.API.Post("/api/v1/incidents/INC-1/resolve", map[string]any{"reason": "the mailer is restarted"})
	over := w.API.AwaitWhere(page.KindResolved, first.Seq, func(e event.Event) bool { return strings.Contains(e.Text, "restarted") })
	alert("a queue of the mailer is full")
	w.API.AwaitWhere(page.KindNotified, over.Seq, func(e event.Event) bool { return e.Subject != first.Subject })
}
