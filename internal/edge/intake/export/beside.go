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

// Beside reads what a system did between From and To: its incidents, and whom it told of them.
func Beside(ctx context.Context, system string, c Config) (convert.Export, error) {
	switch system {
	case "pagerduty":
		return pagerDutyIncidents(ctx, c)
	case "opsgenie":
		return opsgenieAlerts(ctx, c)
	case "grafana-oncall":
		return onCallGroups(ctx, c)
	}
	return nil, errs.New(errs.Invalid, "there is no API of %q to read from", system)
}

func pagerDutyIncidents(ctx context.Context, c Config) (convert.Export, error) {
	s := openPagerDuty(c)
	e := convert.Export{}
	list := func(span url.Values) func(int) url.Values {
		return func(page int) url.Values {
			q := url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(page * pageSize)}}
			for k, v := range span {
				q[k] = v
			}
			return q
		}
	}
	span := url.Values{"since": {stamp(c.From)}, "until": {stamp(c.To)}}
	if err := s.pages(ctx, e, "incidents.json", "/incidents", list(span), hasMore); err != nil {
		return nil, err
	}
	for _, id := range ids(e, "incidents") {
		base := "/incidents/" + url.PathEscape(id)
		if err := s.pages(ctx, e, "log_entries/"+id+".json", base+"/log_entries", list(nil), hasMore); err != nil {
			return nil, err
		}
		if err := s.maybe(ctx, e, "alerts/"+id+".json", base+"/alerts", nil); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func opsgenieAlerts(ctx context.Context, c Config) (convert.Export, error) {
	s := openOpsgenie(c)
	e := convert.Export{}
	query := func(page int) url.Values {
		return url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(page * pageSize)}, "sort": {"createdAt"}, "order": {"asc"},
			"query": {fmt.Sprintf("createdAt >= %d AND createdAt < %d", c.From.UnixMilli(), c.To.UnixMilli())}}
	}
	if err := s.pages(ctx, e, "alerts.json", "/v2/alerts", query, hasNext); err != nil {
		return nil, err
	}
	for _, id := range ids(e, "alerts") {
		after := ""
		err := s.pages(ctx, e, "logs/"+id+".json", "/v2/alerts/"+url.PathEscape(id)+"/logs", func(int) url.Values {
			q := url.Values{"limit": {strconv.Itoa(pageSize)}, "order": {"asc"}, "direction": {"next"}}
			if after != "" {
				q.Set("offset", after)
			}
			return q
		}, func(b []byte) bool {
			var v struct {
				Data []struct {
					Offset string `json:"offset"`
				} `json:"data"`
			}
			if json.Unmarshal(b, &v) != nil || len(v.Data) < pageSize || v.Data[len(v.Data)-1].Offset == after {
				return false
			}
			after = v.Data[len(v.Data)-1].Offset
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

func onCallGroups(ctx context.Context, c Config) (convert.Export, error) {
	s := openOnCall(c)
	e := convert.Export{}
	page := func(page int) url.Values { return url.Values{"page": {strconv.Itoa(page + 1)}} }
	for _, kind := range []string{"users", "integrations"} {
		if err := s.pages(ctx, e, kind+".json", "/api/v1/"+kind+"/", page, hasNextPage); err != nil {
			return nil, err
		}
	}
	started := func(n int) url.Values {
		q := page(n)
		q.Set("started_at", c.From.UTC().Format("2006-01-02T15:04:05")+"_"+c.To.UTC().Format("2006-01-02T15:04:05"))
		return q
	}
	return e, s.pages(ctx, e, "alert_groups.json", "/api/v1/alert_groups/", started, hasNextPage)
}
