package detect

import (
	"context"
	"strings"
	"unicode"

	"github.com/prometheus/alertmanager/pkg/labels"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// Matchers and text are looked at alert by alert; mostLooked bounds how many.
const (
	searchPage = 1000
	mostLooked = 20_000
)

// Found is alerts that a question selects, the newest first.
type Found struct {
	Alerts []Alert `json:"alerts"`
	More   AlertID `json:"more,omitempty"` // ask with before set to this for those that are older
}

// Search returns alerts that a filter selects; match are matchers in Alertmanager's syntax and text is looked for in title,
// reason and values of labels. A matcher that cannot be read is an error with code invalid.
func (s *Service) Search(ctx context.Context, f Filter, match []string, text string) (Found, error) {
	ms, err := catalog.ParseMatchers(match)
	if err != nil {
		return Found{}, errs.New(errs.Invalid, "%s", err)
	}
	limit := f.Limit
	if limit <= 0 || limit > 1000 {
		limit = 100
	}
	text = strings.ToLower(strings.TrimSpace(text))
	f.Words = words(ms, text)
	out := Found{Alerts: []Alert{}}
	err = s.Store.View(ctx, func(tx Tx) error {
		for looked := 0; looked < mostLooked; {
			f.Limit = searchPage
			if len(ms) == 0 && text == "" {
				f.Limit = limit + 1
			}
			as, err := tx.FindAlerts(ctx, f)
			if err != nil {
				return err
			}
			for _, a := range as {
				if !holds(ms, a.Labels) || (text != "" && !a.mentions(text)) {
					continue
				}
				if len(out.Alerts) == limit {
					out.More = out.Alerts[limit-1].ID
					return nil
				}
				out.Alerts = append(out.Alerts, a)
			}
			if len(as) < f.Limit {
				return nil
			}
			looked += len(as)
			f.Before = as[len(as)-1].ID
		}
		out.More = f.Before
		return nil
	})
	return out, err
}

// words returns pieces that alerts of other systems must have in them to be found, so that the store can pass over most of
// the others.
func words(ms labels.Matchers, text string) []string {
	plain := func(r rune) bool {
		return r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".:/@-", r))
	}
	var out []string
	add := func(s string, plain func(rune) bool) {
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !plain(r) }) {
			if len(w) > 1 {
				out = append(out, w)
			}
		}
	}
	for _, m := range ms {
		if m.Type == labels.MatchEqual {
			add(m.Value, plain)
		}
	}
	// A title is shown after the name of the service and a colon, which are not beside each other in the store.
	add(text, func(r rune) bool { return plain(r) && r != ':' })
	return out
}

// mentions reports whether a text in lower case is in what people read of the alert.
func (a Alert) mentions(text string) bool {
	if strings.Contains(strings.ToLower(a.Headline()+"\n"+a.Reason+"\n"+a.SLO+"\n"+string(a.ID)), text) {
		return true
	}
	for _, v := range a.Labels {
		if strings.Contains(strings.ToLower(v), text) {
			return true
		}
	}
	return false
}
