package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
)

// webhookSecret is where the keys are in the store.
const webhookSecret = "webhook-keys"

// overlap is how long messages are signed with the key before too.
const overlap = 24 * time.Hour

// webhookKeys are what outgoing webhooks are signed with.
type webhookKeys struct {
	db  *store.DB
	now func() time.Time

	mu  sync.Mutex
	cur api.WebhookKeys
}

// openWebhookKeys reads the keys, or keeps the given one when there are none yet.
func openWebhookKeys(ctx context.Context, db *store.DB, first []byte, now func() time.Time) (*webhookKeys, error) {
	k := &webhookKeys{db: db, now: now}
	fresh, err := json.Marshal(api.WebhookKeys{Key: hex.EncodeToString(first)})
	if err != nil {
		return nil, fmt.Errorf("webhook keys: %w", err)
	}
	v, err := db.Secret(ctx, webhookSecret, string(fresh))
	if err != nil {
		return nil, fmt.Errorf("webhook keys: %w", err)
	}
	if err := json.Unmarshal([]byte(v), &k.cur); err != nil {
		return nil, fmt.Errorf("webhook keys: %w", err)
	}
	return k, nil
}

// all returns the keys to sign with.
func (k *webhookKeys) all() []string {
	w := k.get()
	if w.Previous == "" {
		return []string{w.Key}
	}
	return []string{w.Key, w.Previous}
}

func (k *webhookKeys) get() api.WebhookKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.cur
	if !k.now().Before(w.PreviousUntil) {
		w.Previous, w.PreviousUntil = "", time.Time{}
	}
	return w
}

// rotate makes a key. Messages are signed with the one before too, for a day.
func (k *webhookKeys) rotate(ctx context.Context, by string) (api.WebhookKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	next := api.WebhookKeys{Key: id.Secret(), Previous: k.cur.Key, PreviousUntil: now.Add(overlap)}
	v, err := json.Marshal(next)
	if err != nil {
		return next, fmt.Errorf("webhook keys: %w", err)
	}
	err = k.db.Update(ctx, func(t *store.Tx) error {
		if err := t.SaveSecret(ctx, webhookSecret, string(v)); err != nil {
			return err
		}
		return t.Append(ctx, event.New("app.rekeyed", now, by, webhookSecret, by+" replaced the key that webhooks are signed with", nil))
	})
	if err != nil {
		return api.WebhookKeys{}, fmt.Errorf("webhook keys: %w", err)
	}
	k.cur = next
	return next, nil
}
