package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/loop/page"
)

// WebhookKeys are what receivers of webhooks check signatures with.
type WebhookKeys struct {
	Key           string    `json:"key" doc:"the key of the header Nightkeeper-Signature"`
	Previous      string    `json:"previous,omitempty" doc:"the key before, which messages are signed with too"`
	PreviousUntil time.Time `json:"previous_until,omitzero"`
}

// CheckIn says whose contacts are tried.
type CheckIn struct {
	Body struct {
		Person string `json:"person,omitempty" doc:"one person; empty: everybody who is on any rota"`
	}
}

func (r *routes) channels() {
	call(r, http.MethodPost, "/oncall/test", "Send a test message by every contact of a person, or of everybody on a rota", "respond", func(ctx context.Context, in *CheckIn) ([]page.Checked, error) {
		people := []string{in.Body.Person}
		if in.Body.Person == "" {
			people = r.onRota()
		}
		out, err := r.Page.Check(ctx, userOf(ctx).Name, people...)
		return orEmpty(out), err
	})
	get(r, "/webhook-keys", "The key that outgoing webhooks are signed with", "admin", func(_ context.Context, _ *empty) (WebhookKeys, error) {
		return r.WebhookKeys(), nil
	})
	call(r, http.MethodPost, "/webhook-keys/rotate", "Make a key for outgoing webhooks; the one before is good for a day more", "admin", func(ctx context.Context, _ *empty) (WebhookKeys, error) {
		return r.RotateWebhookKey(ctx, userOf(ctx).Name)
	})
}

// onRota returns everybody who has a turn on a schedule or stands in on one, by name.
func (r *routes) onRota() []string {
	c := r.Catalog()
	var out []string
	for _, s := range c.Schedules {
		crews := s.Members
		for _, l := range s.Layers {
			crews = slices.Concat(crews, l.Members)
		}
		for _, crew := range crews {
			out = append(out, crew...)
		}
		for _, o := range s.Overrides {
			out = append(append(out, o.Person), o.People...)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(name string) bool { return c.People[name] == nil })
}
