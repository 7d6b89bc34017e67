package api

import (
	"context"
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
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
		Person  string `json:"person,omitempty" doc:"one person; empty: everybody who is on a rota within 30 days"`
		Channel string `json:"channel,omitempty" doc:"only the person's contacts of this channel"`
		All     bool   `json:"all,omitempty" doc:"without a person: all people, on a rota or not"`
	}
}

// ConfirmIn names a contact as the list of readiness does.
type ConfirmIn struct {
	Body struct {
		Channel string `json:"channel"`
		Key     string `json:"key"`
	}
}

// PushKey is what a browser needs to allow messages.
type PushKey struct {
	Key string `json:"key" doc:"empty: the server has no web push"`
}

// DeviceIn is a device as its browser describes it.
type DeviceIn struct {
	Body struct {
		Endpoint string `json:"endpoint"`
		Name     string `json:"name,omitempty"`
		Keys     struct {
			P256dh string `json:"p256dh,omitempty"`
			Auth   string `json:"auth,omitempty"`
		} `json:"keys,omitempty"`
	}
}

// Done says that something was done.
type Done struct {
	OK bool `json:"ok"`
}

func (r *routes) channels() {
	call(r, http.MethodPost, "/oncall/test", "Send a test message by every contact of a person and say what happened; for everybody on a rota they are queued, and readiness says what becomes of them. Those of everybody that were tried in the last 10 minutes are left alone", "respond", func(ctx context.Context, in *CheckIn) ([]page.Checked, error) {
		if in.Body.Person != "" {
			out, err := r.Page.CheckBy(ctx, userOf(ctx).Name, in.Body.Channel, in.Body.Person)
			return orEmpty(out), err
		}
		if in.Body.Channel != "" {
			return nil, errs.New(errs.Invalid, "say whose contacts of %s: give a person too", in.Body.Channel)
		}
		out, err := r.Page.CheckEveryone(ctx, userOf(ctx).Name, in.Body.All)
		return orEmpty(out), err
	})
	get(r, "/people/{name}/contacts", "The contacts of a person, and what became of the newest message by each", "read", func(ctx context.Context, in *NameIn) ([]page.Reached, error) {
		return r.Page.Reached(ctx, in.Name)
	})
	get(r, "/oncall/readiness", "What became of the last test message by every contact, and whether the person said that it arrived", "read", func(ctx context.Context, _ *empty) ([]page.Readiness, error) {
		return r.Page.Ready(ctx)
	})
	call(r, http.MethodPost, "/oncall/readiness/confirm", "Say that a test message to you arrived", "respond", func(ctx context.Context, in *ConfirmIn) (page.Readiness, error) {
		me := userOf(ctx).Name
		return r.Page.Confirm(ctx, me, in.Body.Channel, in.Body.Key, me, r.Now())
	})
	get(r, "/push/key", "The key with which a browser allows messages", "read", func(_ context.Context, _ *empty) (PushKey, error) {
		return PushKey{r.PushKey}, nil
	})
	call(r, http.MethodPost, "/push/devices", "Have messages to you pushed to a device", "respond", func(ctx context.Context, in *DeviceIn) (Done, error) {
		d := page.Device{Person: userOf(ctx).Name, Name: in.Body.Name, Endpoint: in.Body.Endpoint, Key: in.Body.Keys.P256dh, Auth: in.Body.Keys.Auth}
		return Done{true}, r.Page.AddDevice(ctx, d, r.Now())
	})
	call(r, http.MethodPost, "/push/devices/drop", "Have messages to you pushed to a device no more", "respond", func(ctx context.Context, in *DeviceIn) (Done, error) {
		return Done{true}, r.Page.RemoveDevice(ctx, userOf(ctx).Name, in.Body.Endpoint, userOf(ctx).Name, r.Now())
	})
	get(r, "/webhook-keys", "The key that outgoing webhooks are signed with", "admin", func(_ context.Context, _ *empty) (WebhookKeys, error) {
		return r.WebhookKeys(), nil
	})
	call(r, http.MethodPost, "/webhook-keys/rotate", "Make a key for outgoing webhooks; the one before is good for a day more", "admin", func(ctx context.Context, _ *empty) (WebhookKeys, error) {
		return r.RotateWebhookKey(ctx, userOf(ctx).Name)
	})
}
