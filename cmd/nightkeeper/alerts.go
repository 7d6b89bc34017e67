package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

func newAlerts(c *client) *cobra.Command {
	var all bool
	var service, severity, integration, text string
	var limit int
	cmd := &cobra.Command{
		Use:   "alerts [MATCHER...]",
		Short: "List alerts that fire; matchers such as team=\"db\" select some",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"firing": {strconv.FormatBool(!all)}, "limit": {strconv.Itoa(limit)}, "match": args}
			for k, v := range map[string]string{"service": service, "severity": severity, "integration": integration, "text": text} {
				if v != "" {
					q.Set(k, v)
				}
			}
			var as []detect.Alert
			if err := c.call(cmd.Context(), "GET", "/alerts?"+q.Encode(), nil, &as); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSEVERITY\tSTATE\tSINCE\tALERT")
			for _, a := range as {
				state := string(a.State)
				if len(a.Muted) > 0 && a.State == detect.Firing {
					state = "muted"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Severity, state, a.FiredAt.Local().Format(time.DateTime), a.Headline())
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that are resolved")
	cmd.Flags().StringVar(&service, "service", "", "only of this service")
	cmd.Flags().StringVar(&severity, "severity", "", "only SEV1, SEV2, SEV3 or SEV4")
	cmd.Flags().StringVar(&integration, "integration", "", "only those that came with the token of this name")
	cmd.Flags().StringVar(&text, "text", "", "only those that mention this")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many, at most 1000")
	return c.flags(cmd)
}

func newWhy(c *client) *cobra.Command {
	var person string
	cmd := &cobra.Command{
		Use:   "why ALERT",
		Short: "Why people were told of an alert, or were not",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var w page.Why
			path := "/alerts/" + url.PathEscape(args[0]) + "/why?person=" + url.QueryEscape(person)
			if err := c.call(cmd.Context(), "GET", path, nil, &w); err != nil || c.json {
				return err
			}
			fmt.Printf("%s  %s  %s\n%s\n\n", w.Alert.ID, w.Alert.Severity, w.Alert.Headline(), w.Verdict)
			t := table()
			for _, r := range w.Reasons {
				at := ""
				if !r.At.IsZero() {
					at = r.At.Local().Format(time.DateTime)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", at, r.About, r.Text)
			}
			return t.Flush()
		},
	}
	cmd.Flags().StringVar(&person, "person", "", "ask about one person")
	return c.flags(cmd)
}

// silenceLine is a silence as the API shows it.
type silenceLine struct {
	detect.Silence
	State string `json:"state"`
}

func newSilence(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "silence", Short: "Mute alerts for a while, see what is muted, and end it"}
	cmd.AddCommand(newSilenceAdd(c), newSilenceList(c), newSilenceEnd(c))
	return cmd
}

func newSilenceAdd(c *client) *cobra.Command {
	var lasts, comment, from, to, zone string
	var days []string
	var maintenance bool
	cmd := &cobra.Command{
		Use:   "add MATCHER... --comment WHY",
		Short: "Mute the alerts that all matchers select, such as service=\"checkout\"",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"match": args, "for": lasts, "comment": comment, "maintenance": maintenance}
			if slices.ContainsFunc([]string{"from", "to", "day", "time-zone"}, cmd.Flags().Changed) {
				in["weekly"] = catalog.Hours{Days: days, From: from, To: to, TimeZone: zone}
			}
			var s silenceLine
			if err := c.call(cmd.Context(), "POST", "/silences", in, &s); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s until %s\n", s.ID, s.State, s.EndsAt.Local().Format(time.DateTime))
			return nil
		},
	}
	cmd.Flags().StringVar(&lasts, "for", "2h", "how long")
	cmd.Flags().StringVar(&comment, "comment", "", "why nobody is to be told (required)")
	cmd.Flags().BoolVar(&maintenance, "maintenance", false, "it is announced work")
	cmd.Flags().StringSliceVar(&days, "day", nil, "only on these days: mon to sun")
	cmd.Flags().StringVar(&from, "from", "", "only from this time of day, such as 22:00")
	cmd.Flags().StringVar(&to, "to", "", "until this time of day")
	cmd.Flags().StringVar(&zone, "time-zone", "UTC", "of --from and --to, such as Europe/Berlin")
	return c.flags(cmd)
}

func newSilenceList(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "list", Short: "Silences that are not over", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []silenceLine
			if err := c.call(cmd.Context(), "GET", "/silences", nil, &all); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSTATE\tUNTIL\tBY\tMATCH\tWHY")
			for _, s := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.State, s.EndsAt.Local().Format(time.DateTime), s.CreatedBy, strings.Join(s.Match, ", "), s.Comment)
			}
			return w.Flush()
		},
	})
}

func newSilenceEnd(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "end ID", Short: "End a silence now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s silenceLine
			if err := c.call(cmd.Context(), "DELETE", "/silences/"+url.PathEscape(args[0]), nil, &s); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is %s\n", s.ID, s.State)
			return nil
		},
	})
}
