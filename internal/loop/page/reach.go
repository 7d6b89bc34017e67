package page

import (
	"context"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
)

// Reached is one contact of a person and what became of the newest messages by it: pages, notices and tests.
type Reached struct {
	Contact  catalog.Contact `json:"-"`
	Channel  string          `json:"channel"`
	Address  string          `json:"address,omitempty"` // without what may be a secret
	GoodAt   time.Time       `json:"good_at,omitzero"`  // when a message was last accepted or delivered
	Arrived  bool            `json:"arrived,omitempty"` // the provider said that it arrived
	FailedAt time.Time       `json:"failed_at,omitzero"`
	Why      string          `json:"why,omitempty"` // it failed
}

// Works reports whether the newest message by the contact was accepted.
func (r Reached) Works() bool { return r.GoodAt.After(r.FailedAt) }

// Reached returns the contacts of a person, the inbox first, as they were used. An unknown person is an error with code
// not_found.
func (s *Service) Reached(ctx context.Context, person string) ([]Reached, error) {
	p := s.Catalog().People[person]
	if p == nil {
		return nil, errs.New(errs.NotFound, "there is no person %s in the catalog", person)
	}
	var out []Reached
	for _, c := range contactsOf(p) {
		out = append(out, Reached{Contact: c, Channel: c.Channel, Address: shown(c)})
	}
	note := func(channel, address string, at time.Time, good, arrived bool, why string) {
		for i := range out {
			r := &out[i]
			switch {
			case r.Channel != channel || r.Contact.Address != address && r.Address != address:
			case good && at.After(r.GoodAt):
				r.GoodAt, r.Arrived = at, arrived
			case !good && at.After(r.FailedAt):
				r.FailedAt, r.Why = at, why
			}
		}
	}
	ns, err := s.Inbox(ctx, person)
	if err != nil {
		return nil, err
	}
	for _, n := range ns {
		switch n.Delivery {
		case Sent:
			note(n.Channel, n.Address, n.SentAt, true, false, "")
		case Delivered:
			note(n.Channel, n.Address, n.DeliveredAt, true, true, "")
		case Failed:
			note(n.Channel, n.Address, n.At, false, false, n.Error)
		}
	}
	notices, err := s.Notices(ctx, person)
	if err != nil {
		return nil, err
	}
	for _, n := range notices {
		switch n.Delivery {
		case Sent:
			note(n.Channel, n.Address, n.SentAt, true, false, "")
		case Failed:
			note(n.Channel, n.Address, n.At, false, false, n.Error)
		}
	}
	tests, err := s.Events(ctx, event.Query{Subject: person, Kinds: []string{KindChecked}, Last: true, Limit: 50})
	for _, e := range tests {
		c, derr := event.Decode[Checked](e)
		if derr != nil {
			return nil, derr
		}
		note(c.Channel, c.Address, e.At, c.OK, false, c.Text)
	}
	return out, err
}
