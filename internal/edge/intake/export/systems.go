package export

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page/convert"
)

func openPagerDuty(c Config) *Source {
	return open("PagerDuty", c, map[string]string{"Authorization": "Token token=" + c.Token, "Accept": "application/vnd.pagerduty+json;version=2"})
}

func openOpsgenie(c Config) *Source {
	return open("Opsgenie", c, map[string]string{"Authorization": "GenieKey " + c.Token})
}

func openOnCall(c Config) *Source {
	return open("Grafana OnCall", c, map[string]string{"Authorization": c.Token})
}

// hasMore reports whether PagerDuty has another page.
func hasMore(b []byte) bool {
	var v struct {
		More bool `json:"more"`
	}
	return json.Unmarshal(b, &v) == nil && v.More
}

// hasNext reports whether Opsgenie has another page.
func hasNext(b []byte) bool {
	var v struct {
		Paging struct {
			Next string `json:"next"`
		} `json:"paging"`
	}
	return json.Unmarshal(b, &v) == nil && v.Paging.Next != ""
}

// hasNextPage reports whether Grafana OnCall has another page.
func hasNextPage(b []byte) bool {
	var v struct {
		Next string `json:"next"`
	}
	return json.Unmarshal(b, &v) == nil && v.Next != ""
}

// PagerDuty reads from PagerDuty's REST API.
func PagerDuty(ctx context.Context, c Config) (convert.Export, error) {
	s := openPagerDuty(c)
	e := convert.Export{}
	for _, kind := range []string{"users", "teams", "schedules", "escalation_policies", "services"} {
		query := func(page int) url.Values {
			q := url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(page * pageSize)}}
			if kind == "users" {
				q["include[]"] = []string{"contact_methods", "notification_rules"}
			}
			return q
		}
		if err := s.pages(ctx, e, kind+".json", "/"+kind, query, hasMore); err != nil {
			return nil, err
		}
	}
	span := url.Values{"since": {stamp(c.From)}, "until": {stamp(c.To)}}
	for _, id := range ids(e, "schedules") {
		for _, x := range [][2]string{{"schedules/" + id, "/schedules/" + url.PathEscape(id)}, {"overrides/" + id, "/schedules/" + url.PathEscape(id) + "/overrides"}} {
			if _, err := s.add(ctx, e, x[0]+".json", x[1], span); err != nil {
				return nil, err
			}
		}
	}
	return e, s.window(e)
}

// Opsgenie reads from Opsgenie's API.
func Opsgenie(ctx context.Context, c Config) (convert.Export, error) {
	s := openOpsgenie(c)
	e := convert.Export{}
	query := func(page int) url.Values {
		return url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(page * pageSize)}}
	}
	if err := s.pages(ctx, e, "users.json", "/v2/users", query, hasNext); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		kind string
		q    url.Values
	}{{"teams", nil}, {"schedules", url.Values{"expand": {"rotation"}}}, {"escalations", nil}} {
		if _, err := s.add(ctx, e, x.kind+".json", "/v2/"+x.kind, x.q); err != nil {
			return nil, err
		}
	}
	if err := s.maybe(ctx, e, "services.json", "/v1/services", url.Values{"limit": {strconv.Itoa(pageSize)}}); err != nil {
		return nil, err
	}
	for _, id := range ids(e, "users") {
		if err := s.opsgenieUser(ctx, e, id); err != nil {
			return nil, err
		}
	}
	for _, id := range ids(e, "teams") {
		base := "/v2/teams/" + url.PathEscape(id)
		if _, err := s.add(ctx, e, "teams/"+id+".json", base, nil); err != nil {
			return nil, err
		}
		if err := s.maybe(ctx, e, "routing_rules/"+id+".json", base+"/routing-rules", nil); err != nil {
			return nil, err
		}
	}
	days := int(c.To.Sub(c.From).Hours() / 24)
	for _, id := range ids(e, "schedules") {
		base := "/v2/schedules/" + url.PathEscape(id)
		if _, err := s.add(ctx, e, "overrides/"+id+".json", base+"/overrides", nil); err != nil {
			return nil, err
		}
		q := url.Values{"interval": {strconv.Itoa(days)}, "intervalUnit": {"days"}, "date": {stamp(c.From)}}
		if _, err := s.add(ctx, e, "timelines/"+id+".json", base+"/timeline", q); err != nil {
			return nil, err
		}
	}
	return e, s.window(e)
}

// opsgenieUser reads the contacts of a user and the rules for alerts, each of which has its steps only when asked alone.
func (s *Source) opsgenieUser(ctx context.Context, e convert.Export, id string) error {
	base := "/v2/users/" + url.PathEscape(id)
	if err := s.maybe(ctx, e, "contacts/"+id+".json", base+"/contacts", nil); err != nil {
		return err
	}
	list := convert.Export{}
	if err := s.maybe(ctx, list, "rules.json", base+"/notification-rules", nil); err != nil {
		return err
	}
	for _, rule := range ids(list, "rules") {
		if err := s.maybe(ctx, e, "notification_rules/"+id+".json", base+"/notification-rules/"+url.PathEscape(rule), nil); err != nil {
			return err
		}
	}
	return nil
}

// GrafanaOnCall reads from the API of Grafana OnCall.
func GrafanaOnCall(ctx context.Context, c Config) (convert.Export, error) {
	s := openOnCall(c)
	e := convert.Export{}
	page := func(q url.Values) func(int) url.Values {
		return func(page int) url.Values {
			out := url.Values{"page": {strconv.Itoa(page + 1)}}
			for k, v := range q {
				out[k] = v
			}
			return out
		}
	}
	for _, kind := range []string{"users", "teams", "personal_notification_rules", "schedules", "on_call_shifts", "escalation_chains", "escalation_policies", "integrations", "routes"} {
		if err := s.pages(ctx, e, kind+".json", "/api/v1/"+kind+"/", page(nil), hasNextPage); err != nil {
			return nil, err
		}
	}
	// The last day is asked for too: what lies beyond the window is cut off when it is compared.
	span := url.Values{"start_date": {c.From.UTC().Format("2006-01-02")}, "end_date": {c.To.UTC().Format("2006-01-02")}}
	for _, id := range ids(e, "schedules") {
		path := fmt.Sprintf("/api/v1/schedules/%s/final_shifts", url.PathEscape(id))
		if err := s.pages(ctx, e, "final_shifts/"+id+".json", path, page(span), hasNextPage); err != nil {
			return nil, err
		}
	}
	return e, s.window(e)
}

// Alertmanager reads the configuration that an Alertmanager runs with. Secrets in it are hidden by Alertmanager.
func Alertmanager(ctx context.Context, c Config) ([]byte, error) {
	header := map[string]string{}
	if c.Token != "" {
		header["Authorization"] = "Bearer " + c.Token
	}
	b, err := open("Alertmanager", c, header).get(ctx, "/api/v2/status", nil)
	if err != nil {
		return nil, err
	}
	var v struct {
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	if err := json.Unmarshal(b, &v); err != nil || v.Config.Original == "" {
		return nil, errs.New(errs.Invalid, "Alertmanager does not say its configuration")
	}
	return []byte(v.Config.Original), nil
}
