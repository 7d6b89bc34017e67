package opsgenie

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// about lists one of the things that an alert has.
func (s *server) about(c call) (reply, error) {
	switch c.r.PathValue("what") {
	case "notes":
		return s.past(c, func(a detect.Alert, e event.Event, offset string) any {
			if e.Kind != detect.KindNoted {
				return nil
			}
			text := e.Text
			if _, said, ok := strings.Cut(e.Text, a.Headline()+": "); ok {
				text = said
			}
			return map[string]any{"note": text, "owner": e.Actor, "createdAt": e.At.UTC(), "offset": offset}
		})
	case "logs":
		return s.past(c, func(a detect.Alert, e event.Event, offset string) any {
			kind := "system"
			switch {
			case e.Kind == page.KindNotified || e.Kind == page.KindDelivered || e.Kind == page.KindFailed:
				kind = "alertRecipient"
			case strings.HasPrefix(e.Kind, "page."), e.Subject == string(a.ID):
			default:
				return nil // about another alert of the group
			}
			return map[string]any{"log": e.Text, "type": kind, "owner": e.Actor, "createdAt": e.At.UTC(), "offset": offset}
		})
	case "recipients":
		return s.recipients(c)
	}
	return missing(c)
}

// past lists facts about an alert in the words of Opsgenie, the newest first; show returns nil for those that do not belong.
// The offset of an entry is the number of its fact.
func (s *server) past(c call, show func(detect.Alert, event.Event, string) any) (reply, error) {
	v := c.r.URL.Query()
	a, err := s.find(c)
	if err != nil {
		return reply{}, err
	}
	from, given := int64(0), v.Has("offset")
	if given {
		if from, err = strconv.ParseInt(v.Get("offset"), 10, 64); err != nil {
			return reply{}, errs.New(errs.Invalid, "offset is %.40q; it is the offset of an entry", v.Get("offset"))
		}
		v.Del("offset")
	}
	p, err := pageOf(v, "desc", 100)
	if err != nil {
		return reply{}, err
	}
	es, err := s.Facts(c.Context(), a)
	if err != nil {
		return reply{}, err
	}
	up := p.rising != (v.Get("direction") == "prev") // which way from the offset
	if !up {
		slices.Reverse(es)
	}
	out, last, more := []any{}, int64(0), false
	for _, e := range es {
		if given && (e.Seq == from || (e.Seq > from) != up) {
			continue
		}
		entry := show(a, e, strconv.FormatInt(e.Seq, 10))
		if entry == nil {
			continue
		}
		if more = len(out) == p.limit; more {
			break
		}
		out, last = append(out, entry), e.Seq
	}
	if up != p.rising {
		slices.Reverse(out)
	}
	paging := map[string]string{}
	if more {
		paging["next"] = address(c, strconv.FormatInt(last, 10), p.limit)
	}
	return reply{status: http.StatusOK, data: out, paging: paging}, nil
}

// recipients lists who was told of an alert, and what became of it.
func (s *server) recipients(c call) (reply, error) {
	a, err := s.find(c)
	if err != nil {
		return reply{}, err
	}
	ns, err := s.Told(c.Context(), a.ID)
	if err != nil {
		return reply{}, err
	}
	out, seen := []map[string]any{}, []string{}
	for _, n := range slices.Backward(ns) { // the newest message to a person says how far it came
		if slices.Contains(seen, n.Person) {
			continue
		}
		seen = append(seen, n.Person)
		out = append(out, map[string]any{
			"user":  map[string]string{"id": n.Person, "username": n.Person},
			"state": string(n.Delivery), "method": n.Channel, "createdAt": n.At.UTC(), "updatedAt": later(n.At, n.SentAt, n.DeliveredAt).UTC(),
		})
	}
	slices.Reverse(out)
	return reply{status: http.StatusOK, data: out}, nil
}

func later(ts ...time.Time) time.Time { return slices.MaxFunc(ts, time.Time.Compare) }
