package page

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Checked is what became of a test message by one contact.
type Checked struct {
	Person  string `json:"person"`
	Channel string `json:"channel"`
	Address string `json:"address,omitempty"` // as it may be shown
	Key     string `json:"key,omitempty"`     // tells addresses apart without showing them
	OK      bool   `json:"ok"`
	Queued  bool   `json:"queued,omitempty"` // it is on its way; what becomes of it is known of the contact later
	Text    string `json:"text"`             // the provider's receipt, or what is wrong
}

// Check sends a test message by each contact of the people and returns what happened, in their order. People who can only
// be reached by the inbox are said to be so. An unknown person is an error with code not_found, before anything is sent.
func (s *Service) Check(ctx context.Context, by string, people ...string) ([]Checked, error) {
	return s.check(ctx, by, "", people)
}

// CheckBy is Check by the contacts of one channel; a person without one is an error with code not_found.
func (s *Service) CheckBy(ctx context.Context, by, channel string, people ...string) ([]Checked, error) {
	return s.check(ctx, by, channel, people)
}

func (s *Service) check(ctx context.Context, by, channel string, people []string) ([]Checked, error) {
	now, c := s.Now(), s.Catalog()
	var out []Checked
	var to []catalog.Contact
	for _, name := range people {
		p := c.People[name]
		if p == nil {
			return nil, errs.New(errs.NotFound, "there is no person %s in the catalog", name)
		}
		before := len(out)
		for _, contact := range triedContacts(p) {
			if channel != "" && contact.Channel != channel {
				continue
			}
			out = append(out, untried(name, contact))
			to = append(to, contact)
		}
		if len(out) == before {
			return nil, errs.New(errs.NotFound, "%s has no contact for %s", name, channel)
		}
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range out {
		if to[i].Channel == "inbox" {
			continue
		}
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			s.checkOne(ctx, &out[i], to[i], by, now)
		})
	}
	running.Wait()
	ctx = context.WithoutCancel(ctx) // what went out is written down, also when whoever asked does not wait for it
	return out, s.Store.Update(ctx, func(tx Tx) error {
		for i, r := range out {
			if err := saveChecked(ctx, tx, r, to[i], by, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// untried is a contact before its test message is sent.
func untried(person string, contact catalog.Contact) Checked {
	r := Checked{Person: person, Channel: contact.Channel, Address: shown(contact), Key: addressKey(contact.Address)}
	if contact.Channel == "inbox" {
		r.Text = "no contact: only the inbox on the page, which wakes nobody"
	}
	return r
}

// saveChecked writes down and says what became of a test message.
func saveChecked(ctx context.Context, tx Tx, r Checked, to catalog.Contact, by string, now time.Time) error {
	if r.Channel != "inbox" {
		if err := tx.SaveReadiness(ctx, tested(r, addressKey(to.Address), by, now)); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%s can be told by %s", r.Person, r.Channel)
	if !r.OK {
		text = fmt.Sprintf("%s cannot be told by %s", r.Person, r.Channel)
	}
	if r.Text != "" {
		text += ": " + r.Text
	}
	return tx.Append(ctx, event.New(KindChecked, now, by, r.Person, text, r))
}

// jobCheck sends one test message of many; the kind ends with its channel.
const jobCheck = "page.check"

// checking is a test message that waits.
type checking struct {
	Person  string    `json:"person"`
	Channel string    `json:"channel"`
	Key     string    `json:"key"` // of the address, which may be a secret
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// sendCheck sends a test message that waited. One that is known to have gone out is not sent again, and a contact that is not
// in the catalog any more is nobody's.
func (s *Service) sendCheck(ctx context.Context, j job.Job) error {
	x, err := job.Decode[checking](j)
	if err != nil {
		return err
	}
	who := s.Catalog().People[x.Person]
	if who == nil {
		return nil
	}
	i := slices.IndexFunc(who.Contacts, func(c catalog.Contact) bool { return c.Channel == x.Channel && addressKey(c.Address) == x.Key })
	if i < 0 {
		return nil
	}
	known, err := s.readiness(ctx, x.Person, x.Channel, x.Key)
	if err != nil || !known.TestedAt.Before(x.At) {
		return err
	}
	now, to := s.Now(), who.Contacts[i]
	r := untried(x.Person, to)
	s.checkOne(ctx, &r, to, x.By, now)
	ctx = context.WithoutCancel(ctx)
	return s.Store.Update(ctx, func(tx Tx) error { return saveChecked(ctx, tx, r, to, x.By, now) })
}

func (s *Service) checkOne(ctx context.Context, r *Checked, to catalog.Contact, by string, now time.Time) {
	ch := s.channels[to.Channel]
	if ch == nil {
		r.Text = fmt.Sprintf("channel %s is not configured on this server", to.Channel)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	receipt, err := ch.Send(ctx, Message{
		Notification: NotificationID(id.New("test", now)), Person: r.Person, Address: to.Address, Severity: detect.SEV4, At: now, Test: true,
		Service: "Nightkeeper", Title: "Test message from Nightkeeper",
		Text: fmt.Sprintf("%s wants to know whether this reaches %s. Nothing is wrong. Please say that it arrived: %s", by, r.Person,
			strings.TrimSuffix(s.BaseURL(), "/")+"/confirm/"+s.confirmToken(r.Person, r.Channel, addressKey(to.Address), now.Add(confirmWithin))),
	})
	if err != nil {
		r.Text = errs.Message(err)
		return
	}
	r.OK, r.Text = true, receipt
}

// shown returns an address as it may be shown: what is behind the host of a URL may be a secret.
func shown(c catalog.Contact) string {
	if u, err := url.Parse(c.Address); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + "/…"
	}
	return c.Address
}
