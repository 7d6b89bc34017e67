package story

import (
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// Nobody answers, so the next person is told, until somebody does.
func TestNobodyAnswersSoTheNextPersonIsTold(t *testing.T) {
	t.Parallel()
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")}, nil)
	w.Outage("checkout")
	told := func(person string, after int64) event.Event {
		return w.API.AwaitWhere(page.KindNotified, after, func(e event.Event) bool { return strings.HasPrefix(e.Text, person+" was told") })
	}
	first := told("mira", 0)
	second := told("tomas", first.Seq)
	w.API.Post("/api/v1/pages/"+first.Subject+"/ack", nil)
	acked := w.API.Await(page.KindAcked, second.Seq)
	// An acknowledged page plans no further step: everything it would tell is told by now.
	for _, e := range apptest.Get[[]event.Event](w.API, "/api/v1/events?limit=1000") {
		if e.Seq > acked.Seq && e.Kind == page.KindEscalated {
			t.Errorf("after the acknowledgement: %s", e.Text)
		}
	}
	inbox := apptest.Get[[]page.Notification](w.API, "/api/v1/inbox/tomas")
	if len(inbox) == 0 || inbox[0].Delivery != page.Sent {
		t.Errorf("the inbox of tomas: %+v", inbox)
	}
}
