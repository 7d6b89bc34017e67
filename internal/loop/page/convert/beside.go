package convert

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

// besides read what a system did.
var besides = map[string]func(Export) ([]page.Theirs, error){"pagerduty": pagerDutyBeside, "opsgenie": opsgenieBeside, "grafana-oncall": onCallBeside}

// KnownBeside returns an error with code invalid for a system that cannot be compared with.
func KnownBeside(source string) error {
	if besides[source] == nil {
		return errs.New(errs.Invalid, "SYSTEM is %.40q; it is pagerduty, opsgenie or grafana-oncall, the system that paged while this server was its shadow", source)
	}
	return nil
}

// Beside reads what another system did between two times from its export: the incidents that began then, by when they
// began, and whom it told of each.
func Beside(source string, e Export, from, to time.Time) (page.Beside, error) {
	b := page.Beside{Source: source, From: from, To: to, Incidents: []page.Theirs{}}
	if err := KnownBeside(source); err != nil {
		return b, err
	}
	all, err := besides[source](e)
	if err != nil {
		return b, err
	}
	for _, t := range all {
		if t.At.Before(from) || !t.At.Before(to) {
			continue
		}
		t.Title = clean(t.Title)
		slices.SortStableFunc(t.Told, func(x, y page.TheirNotice) int { return x.At.Compare(y.At) })
		b.Incidents = append(b.Incidents, t)
	}
	slices.SortStableFunc(b.Incidents, func(x, y page.Theirs) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return b, nil
}

// taken keeps who took an incident first.
func taken(t *page.Theirs, who page.Named, at time.Time) {
	if !at.IsZero() && (t.TakenAt.IsZero() || at.Before(t.TakenAt)) {
		t.TakenBy, t.TakenAt = who, at
	}
}

type pdIncident struct {
	pdRef
	Title   string    `json:"title"`
	URL     string    `json:"html_url"`
	Key     string    `json:"incident_key"`
	Created time.Time `json:"created_at"`
	Service pdRef     `json:"service"`
}

type pdAlert struct {
	Key string `json:"alert_key"`
}

type pdLogEntry struct {
	Type     string    `json:"type"`
	Created  time.Time `json:"created_at"`
	Incident pdRef     `json:"incident"`
	User     pdRef     `json:"user"`  // of notify_log_entry
	Agent    pdRef     `json:"agent"` // who did it
	Channel  struct {
		Notification struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"notification"`
	} `json:"channel"`
}

// pagerDutyBeside reads incidents, log_entries (of an incident, or of all) and alerts of each incident.
func pagerDutyBeside(e Export) ([]page.Theirs, error) {
	if len(e["incidents"]) > 0 && len(e["log_entries"]) == 0 {
		return nil, errs.New(errs.Invalid, "the export has incidents and no log_entries, which say who was told; the file of incident ID is log_entries/ID.json")
	}
	var out []page.Theirs
	at := map[string]int{}
	err := each(e, "incidents", func(_ string, v pdIncident) {
		t := page.Theirs{ID: v.ID, Title: cmp.Or(v.Title, v.Summary), URL: v.URL, Service: page.Named{ID: v.Service.ID, Name: v.Service.title()}, At: v.Created}
		if v.Key != "" {
			t.Keys = []string{v.Key}
		}
		if _, twice := at[v.ID]; !twice {
			at[v.ID] = len(out)
			out = append(out, t)
		}
	})
	if err != nil {
		return nil, err
	}
	err = each(e, "alerts", func(of string, v pdAlert) {
		if i, ok := at[of]; ok && v.Key != "" && !slices.Contains(out[i].Keys, v.Key) {
			out[i].Keys = append(out[i].Keys, v.Key)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, each(e, "log_entries", func(of string, v pdLogEntry) {
		i, ok := at[cmp.Or(of, v.Incident.ID)]
		if !ok {
			return
		}
		switch v.Type {
		case "notify_log_entry":
			n := v.Channel.Notification
			who := page.Named{ID: v.User.ID, Name: cmp.Or(v.User.Name, v.User.Summary)}
			if strings.Contains(n.Address, "@") {
				who.Email = n.Address
			}
			out[i].Told = append(out[i].Told, page.TheirNotice{Who: who, At: v.Created, By: n.Type})
		case "acknowledge_log_entry":
			taken(&out[i], page.Named{ID: v.Agent.ID, Name: cmp.Or(v.Agent.Name, v.Agent.Summary)}, v.Created)
		}
	})
}

type ogAlert struct {
	ID      string    `json:"id"`
	Alias   string    `json:"alias"`
	Message string    `json:"message"`
	Entity  string    `json:"entity"`
	Created time.Time `json:"createdAt"`
}

type ogLog struct {
	Log     string    `json:"log"`
	Type    string    `json:"type"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"createdAt"`
}

// What the log of an alert says of a message that went out and of somebody who took it; the words are all there is.
var (
	ogTold  = regexp.MustCompile(`(?i)^(notif|sent|called|calling|push|sms|voice|email|e-mail)|\bnotification\b|\bnotified\b`)
	ogTaken = regexp.MustCompile(`(?i)\backnowledged\b|\backed\b|\btook ownership\b`)
	ogBy    = regexp.MustCompile(`(?i)\b(email|sms|voice|push|mobile|call)`)
)

// opsgenieBeside reads alerts, and the logs of each.
func opsgenieBeside(e Export) ([]page.Theirs, error) {
	var out []page.Theirs
	at := map[string]int{}
	err := each(e, "alerts", func(_ string, v ogAlert) {
		t := page.Theirs{ID: v.ID, Title: v.Message, At: v.Created, Service: page.Named{Name: v.Entity}, Unsaid: true}
		if v.Alias != "" {
			t.Keys = []string{v.Alias}
		}
		if _, twice := at[v.ID]; !twice {
			at[v.ID] = len(out)
			out = append(out, t)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, each(e, "logs", func(of string, v ogLog) {
		i, ok := at[of]
		if !ok {
			return
		}
		out[i].Unsaid = false // the log was read, also when it has nobody
		who := page.Named{ID: v.Owner, Name: v.Owner, Email: v.Owner}
		switch {
		case v.Owner == "" || strings.EqualFold(v.Owner, "system"):
		case ogTaken.MatchString(v.Log):
			taken(&out[i], who, v.Created)
		case strings.EqualFold(v.Type, "alertRecipient") && ogTold.MatchString(v.Log):
			out[i].Told = append(out[i].Told, page.TheirNotice{Who: who, At: v.Created, By: strings.ToLower(ogBy.FindString(v.Log))})
		}
	})
}

type ocGroup struct {
	ID          string    `json:"id"`
	Integration string    `json:"integration_id"`
	Title       string    `json:"title"`
	Created     time.Time `json:"created_at"`
	Acked       time.Time `json:"acknowledged_at"`
	AckedBy     string    `json:"acknowledged_by"`
	Resolved    time.Time `json:"resolved_at"`
	ResolvedBy  string    `json:"resolved_by"`
	PagedUsers  []ocPaged `json:"paged_users"`
	Permalinks  struct {
		Web string `json:"web"`
	} `json:"permalinks"`
	Last struct {
		Payload json.RawMessage `json:"payload"`
	} `json:"last_alert"`
}

type ocPaged struct {
	ID       string `json:"id"`
	PK       string `json:"pk"`
	Username string `json:"username"`
}

// onCallBeside reads alert_groups, with users and integrations for their names. Its public API does not say whom it told,
// only who took a group; paged_users are there when a person paged them.
func onCallBeside(e Export) ([]page.Theirs, error) {
	users := map[string]page.Named{}
	err := each(e, "users", func(_ string, v struct {
		ID       string `json:"id"`
		Email    string `json:"email"`
		Username string `json:"username"`
	}) {
		users[v.ID] = page.Named{ID: v.ID, Name: v.Username, Email: v.Email}
	})
	if err != nil {
		return nil, err
	}
	who := func(id, name string) page.Named {
		if u, ok := users[id]; ok {
			return u
		}
		return page.Named{ID: id, Name: cmp.Or(name, id)}
	}
	integrations := map[string]string{}
	err = each(e, "integrations", func(_ string, v struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}) {
		integrations[v.ID] = v.Name
	})
	if err != nil {
		return nil, err
	}
	var out []page.Theirs
	err = each(e, "alert_groups", func(_ string, v ocGroup) {
		t := page.Theirs{ID: v.ID, Title: v.Title, URL: v.Permalinks.Web, At: v.Created, Unsaid: len(v.PagedUsers) == 0,
			Service: page.Named{ID: v.Integration, Name: integrations[v.Integration]}}
		var payload struct {
			Labels struct {
				Service string `json:"service"`
			} `json:"commonLabels"`
			Alerts []struct {
				Fingerprint string `json:"fingerprint"`
			} `json:"alerts"`
		}
		// What a group was made of has any shape; only Alertmanager's is known.
		if json.Unmarshal(v.Last.Payload, &payload) == nil {
			t.Service.Name = cmp.Or(payload.Labels.Service, t.Service.Name)
			for _, a := range payload.Alerts {
				if a.Fingerprint != "" && !slices.Contains(t.Keys, a.Fingerprint) {
					t.Keys = append(t.Keys, a.Fingerprint)
				}
			}
		}
		for _, u := range v.PagedUsers {
			t.Told = append(t.Told, page.TheirNotice{Who: who(cmp.Or(u.ID, u.PK), u.Username), At: v.Created})
		}
		if v.AckedBy != "" {
			taken(&t, who(v.AckedBy, ""), v.Acked)
		} else if v.ResolvedBy != "" {
			taken(&t, who(v.ResolvedBy, ""), v.Resolved)
		}
		out = append(out, t)
	})
	return out, err
}
