package page

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
)

// Readiness is what is known of one contact of a person: what became of the last test message, and whether the person
// said that it arrived.
type Readiness struct {
	Person      string    `json:"person"`
	Channel     string    `json:"channel"`
	Address     string    `json:"address,omitempty"`  // as it may be shown
	Key         string    `json:"key"`                // tells addresses apart without showing them
	QueuedAt    time.Time `json:"queued_at,omitzero"` // a test message is on its way since then
	TestedAt    time.Time `json:"tested_at,omitzero"`
	TestedBy    string    `json:"tested_by,omitempty"`
	OK          bool      `json:"ok"` // the provider accepted it
	Text        string    `json:"text,omitempty"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"` // when the person said that a test message arrived
	State       string    `json:"state"`                 // no contact, being tested, failed, never tested, not confirmed or ok
}

// States of a contact, the worst first.
const (
	ReadyNone        = "no contact"
	ReadyTesting     = "being tested"
	ReadyFailed      = "failed"
	ReadyUntested    = "never tested"
	ReadyUnconfirmed = "not confirmed"
	ReadyOK          = "ok"
)

// state says how far a contact is known to work. A person's word counts for the last test only.
func (r Readiness) state() string {
	switch {
	case r.Channel == "inbox":
		return ReadyNone
	case !r.QueuedAt.IsZero():
		return ReadyTesting
	case r.TestedAt.IsZero():
		return ReadyUntested
	case !r.OK:
		return ReadyFailed
	case r.ConfirmedAt.IsZero():
		return ReadyUnconfirmed
	}
	return ReadyOK
}

// Ahead of a rota of which everybody is tried.
const readyAhead = 30 * 24 * time.Hour

// retest is how long a contact is left alone after a test when everybody is tried.
const retest = 10 * time.Minute

// confirmWithin is how long a link to confirm works.
const confirmWithin = 7 * 24 * time.Hour

// addressKey tells addresses apart; some of them are secrets.
func addressKey(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:8])
}

// OnRotaSoon returns everybody who is on call on some schedule within the next 30 days, by name.
func (s *Service) OnRotaSoon(ctx context.Context, now time.Time) ([]string, error) {
	ps, err := s.Plans(ctx, now, now.Add(readyAhead))
	if err != nil {
		return nil, err
	}
	who := map[string]bool{}
	for _, p := range ps {
		if p.Rota == nil {
			continue
		}
		for _, sh := range p.Rota.Between(now, now.Add(readyAhead)) {
			for _, name := range sh.People() {
				who[name] = s.Catalog().People[name] != nil
			}
		}
	}
	maps.DeleteFunc(who, func(_ string, known bool) bool { return !known })
	return slices.Sorted(maps.Keys(who)), nil
}

// Ready returns what is known of every contact of the catalog, by person. Somebody who can only be reached by the inbox has
// one line that says so.
func (s *Service) Ready(ctx context.Context) (out []Readiness, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = s.readyIn(ctx, tx)
		return err
	})
	return out, err
}

func (s *Service) readyIn(ctx context.Context, tx Tx) ([]Readiness, error) {
	kept, err := tx.Readiness(ctx)
	if err != nil {
		return nil, err
	}
	known := map[[3]string]Readiness{}
	for _, r := range kept {
		known[[3]string{r.Person, r.Channel, r.Key}] = r
	}
	c := s.Catalog()
	out := []Readiness{}
	for _, name := range slices.Sorted(maps.Keys(c.People)) {
		for _, contact := range triedContacts(c.People[name]) {
			r, tested := known[[3]string{name, contact.Channel, addressKey(contact.Address)}]
			if !tested {
				r = Readiness{Person: name, Channel: contact.Channel, Key: addressKey(contact.Address)}
			}
			r.Address, r.State = shown(contact), r.state()
			out = append(out, r)
		}
	}
	return out, nil
}

// triedContacts returns the contacts of a person that a test message can be sent by; the inbox when there is no other.
func triedContacts(p *catalog.Person) []catalog.Contact {
	out := contactsOf(p)[1:]
	if len(out) == 0 {
		return []catalog.Contact{{Channel: "inbox"}}
	}
	return out
}

// CheckEveryone has a test message sent by each contact of everybody who is on a rota within 30 days, or of all people, and
// returns the contacts at once: those that are queued are tried one after the other of each channel, and Ready says what
// became of them. Contacts that were tried a few minutes ago are left alone: their result is the one that is known.
func (s *Service) CheckEveryone(ctx context.Context, by string, all bool) (out []Checked, err error) {
	now := s.Now()
	people := slices.Sorted(maps.Keys(s.Catalog().People))
	if !all {
		if people, err = s.OnRotaSoon(ctx, now); err != nil {
			return nil, err
		}
	}
	return out, s.Store.Update(ctx, func(tx Tx) error {
		ready, err := s.readyIn(ctx, tx)
		if err != nil {
			return err
		}
		known := map[[3]string]Readiness{}
		for _, r := range ready {
			known[[3]string{r.Person, r.Channel, r.Key}] = r
		}
		out = nil
		for _, name := range people {
			who := s.Catalog().People[name]
			if who == nil {
				continue // the catalog changed meanwhile
			}
			for _, contact := range triedContacts(who) {
				r, key := untried(name, contact), addressKey(contact.Address)
				k := known[[3]string{name, contact.Channel, key}]
				switch {
				case contact.Channel == "inbox":
				case now.Sub(k.TestedAt) < retest:
					r.OK, r.Text = k.OK, k.Text+" (tried at "+k.TestedAt.UTC().Format("15:04 UTC")+")"
				default:
					r.Queued, r.Text = true, "on its way"
					if err := s.queueCheck(ctx, tx, k, checking{name, contact.Channel, key, by, now}, now); err != nil {
						return err
					}
				}
				out = append(out, r)
			}
		}
		return nil
	})
}

// queueCheck enqueues a test message, unless one is on its way.
func (s *Service) queueCheck(ctx context.Context, tx Tx, k Readiness, x checking, now time.Time) error {
	if now.Sub(k.QueuedAt) < retest {
		return nil
	}
	k.QueuedAt = now
	if err := tx.SaveReadiness(ctx, k); err != nil {
		return err
	}
	return tx.Enqueue(ctx, job.New(s.forChannel(jobCheck, x.Channel), strings.Join([]string{x.Person, x.Channel, x.Key}, "/"), now, x))
}

// confirmToken returns a signed token that lets its holder say that a test message arrived.
func (s *Service) confirmToken(person, channel, key string, until time.Time) string {
	body := strings.Join([]string{hex.EncodeToString([]byte(person)), channel, key, strconv.FormatInt(until.Unix(), 36)}, ".")
	return body + "." + s.signConfirm(body)
}

func (s *Service) signConfirm(body string) string {
	m := hmac.New(sha256.New, s.Key)
	m.Write([]byte("confirm:" + body))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// OpenConfirm returns the contact that a token is about, or an error with code denied.
func (s *Service) OpenConfirm(ctx context.Context, token string, now time.Time) (Readiness, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 5 || !hmac.Equal([]byte(parts[4]), []byte(s.signConfirm(strings.Join(parts[:4], ".")))) {
		return Readiness{}, errs.New(errs.Denied, "this link is not valid; ask for another test message")
	}
	person, err := hex.DecodeString(parts[0])
	until, err2 := strconv.ParseInt(parts[3], 36, 64)
	if err != nil || err2 != nil || now.After(time.Unix(until, 0)) {
		return Readiness{}, errs.New(errs.Denied, "this link has expired; ask for another test message")
	}
	r, err := s.readiness(ctx, string(person), parts[1], parts[2])
	if err == nil && until != r.TestedAt.Add(confirmWithin).Unix() {
		return Readiness{}, errs.New(errs.Denied, "there was another test message since; open the link in that one")
	}
	return r, err
}

// readiness returns what is known of one contact, or an error with code not_found when it is none of the catalog.
func (s *Service) readiness(ctx context.Context, person, channel, key string) (r Readiness, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		r, err = s.readinessIn(ctx, tx, person, channel, key)
		return err
	})
	return r, err
}

func (s *Service) readinessIn(ctx context.Context, tx Tx, person, channel, key string) (Readiness, error) {
	ready, err := s.readyIn(ctx, tx)
	if err != nil {
		return Readiness{}, err
	}
	for _, r := range ready {
		if r.Person == person && r.Channel == channel && r.Key == key {
			return r, nil
		}
	}
	return Readiness{}, errs.New(errs.NotFound, "%s has no such contact any more", person)
}

// Confirm records that a test message to a person arrived, as by says: the person, who has the link of the message or is
// signed in. A contact that was never tried, or whose test failed, is an error with code conflict.
func (s *Service) Confirm(ctx context.Context, person, channel, key, by string, now time.Time) (r Readiness, err error) {
	if by != person {
		return Readiness{}, errs.New(errs.Denied, "only %s can say whether it arrived", person)
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if r, err = s.readinessIn(ctx, tx, person, channel, key); err != nil {
			return err
		}
		if r.TestedAt.IsZero() || !r.OK {
			return errs.New(errs.Conflict, "no test message has gone out by this contact; send one first")
		}
		r.ConfirmedAt = now
		r.State = r.state()
		if err := tx.SaveReadiness(ctx, r); err != nil {
			return err
		}
		return tx.Append(ctx, event.New(KindConfirmed, now, by, person, fmt.Sprintf("%s says that the test message by %s arrived", person, channel), r))
	})
	return r, err
}

// tested returns what is known of a contact after a test: nobody has confirmed it yet.
func tested(c Checked, key, by string, now time.Time) Readiness {
	r := Readiness{Person: c.Person, Channel: c.Channel, Address: c.Address, Key: key, TestedAt: now, TestedBy: by, OK: c.OK, Text: c.Text}
	r.State = r.state()
	return r
}
