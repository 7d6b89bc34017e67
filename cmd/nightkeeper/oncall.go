package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

func newOncall(c *client) *cobra.Command {
	cmd := c.flags(&cobra.Command{
		Use: "oncall", Short: "Who is on call, and who is next", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var ds []struct {
				Schedule  string
				Now, Next rota.Shift
			}
			if err := c.call(cmd.Context(), "GET", "/oncall", nil, &ds); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "SCHEDULE\tNOW\tUNTIL\tNEXT")
			for _, d := range ds {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Schedule, people(d.Now), local(d.Now.To), people(d.Next))
			}
			return w.Flush()
		},
	})
	cmd.AddCommand(newOncallTest(c), newOncallSchedule(c), newOncallShifts(c), newOncallOverride(c), newOncallOverrides(c), newOncallCancel(c),
		newOncallCover(c), newOncallCovers(c), newOncallTake(c), newOncallSwap(c), newOncallSwaps(c), newOncallRefuse(c), newOncallCalendar(c), newOncallPolicy(c), newOncallReadiness(c))
	return cmd
}

// people names who is on call in a shift.
func people(sh rota.Shift) string {
	if len(sh.Duties) == 0 {
		return "nobody"
	}
	return strings.Join(sh.People(), ", ")
}

// local writes a time as this machine's clock shows it.
func local(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// span is the --from, --to and --for of a command. Times without a zone are those of this machine.
type span struct{ from, to, length string }

func (s *span) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.from, "from", "", "when it begins, such as 2026-12-24T09:00; default now")
	cmd.Flags().StringVar(&s.to, "to", "", "when it ends")
	cmd.Flags().StringVar(&s.length, "for", "", "how long it lasts instead of --to, such as 4h or 2 days")
}

// read returns both times; without any end it ends after the given time, which is an error when it is 0.
func (s *span) read(now time.Time, otherwise time.Duration) (from, to time.Time, err error) {
	from = now
	if s.from != "" {
		if from, err = catalog.Time(s.from).In(time.Local); err != nil {
			return from, to, err
		}
	}
	switch {
	case s.to != "" && s.length != "":
		return from, to, fmt.Errorf("give --to or --for, not both")
	case s.to != "":
		to, err = catalog.Time(s.to).In(time.Local)
	case s.length != "":
		otherwise, err = catalog.ParseDuration(s.length)
		to = from.Add(otherwise)
	case otherwise == 0:
		err = fmt.Errorf("say when it ends, with --to or --for")
	default:
		to = from.Add(otherwise)
	}
	return from, to, err
}

func newOncallSchedule(c *client) *cobra.Command {
	var s span
	cmd := &cobra.Command{
		Use: "schedule NAME", Short: "Shifts and gaps of a schedule, two weeks when nothing is said", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, err := s.read(time.Now(), 14*24*time.Hour)
			if err != nil {
				return usage(cmd, err)
			}
			var v struct {
				Shifts []rota.Shift
				Covers []rota.Cover
			}
			q := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
			if err := c.call(cmd.Context(), "GET", "/schedules/"+url.PathEscape(args[0])+"?"+q.Encode(), nil, &v); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "FROM\tTO\tON CALL\tWHY")
			for _, sh := range v.Shifts {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", local(sh.From), local(sh.To), people(sh), why(sh))
			}
			for _, cv := range v.Covers {
				fmt.Fprintf(w, "%s\t%s\t%s\tasks for cover: %s (%s)\n", local(cv.From), local(cv.To), cv.Person, cmp.Or(cv.Reason, "no reason given"), cv.ID)
			}
			return w.Flush()
		},
	}
	s.flags(cmd)
	return c.flags(cmd)
}

// why says from which layer or override a shift comes.
func why(sh rota.Shift) string {
	if len(sh.Duties) == 0 {
		return "gap"
	}
	var out []string
	for _, d := range sh.Duties {
		text := d.Layer
		if d.Override != "" {
			text = strings.TrimSpace("override " + d.Reason)
			if d.Instead != "" {
				text = strings.TrimSpace("instead of " + d.Instead + " " + d.Reason)
			}
		}
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

func newOncallShifts(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "shifts PERSON", Short: "When a person is on call next, on all schedules", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ss, err := c.shifts(cmd.Context(), args[0])
			if err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "FROM\tTO\tSCHEDULE\tWHY")
			for _, s := range ss {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", local(s.From), local(s.To), s.Schedule, why(rota.Shift{Duties: []rota.Duty{s.Duty}}))
			}
			return w.Flush()
		},
	})
}

func (c *client) shifts(ctx context.Context, person string) (out []rota.Stint, err error) {
	return out, c.call(ctx, "GET", "/people/"+url.PathEscape(person)+"/shifts", nil, &out)
}

func newOncallOverride(c *client) *cobra.Command {
	var s span
	var instead, reason string
	cmd := &cobra.Command{
		Use: "override SCHEDULE PERSON... --for 4h", Short: "Put people on call for a while", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, err := s.read(time.Now(), 0)
			if err != nil {
				return usage(cmd, err)
			}
			var o rota.Override
			in := map[string]any{"schedule": args[0], "people": args[1:], "instead": instead, "from": from, "to": to, "reason": reason}
			if err := c.call(cmd.Context(), "POST", "/overrides", in, &o); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: %s is on call for %s from %s to %s\n", o.ID, strings.Join(o.People, ", "), o.Schedule, local(o.From), local(o.To))
			if o.Partly() {
				fmt.Printf("%s is on call in a part of that time; these shifts change:\n", o.Instead)
				for _, x := range o.Changes {
					fmt.Printf("  %s to %s\n", local(x.From), local(x.To))
				}
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&instead, "instead", "", "replace only this person; without it, everybody who is on call")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return c.flags(cmd)
}

func newOncallOverrides(c *client) *cobra.Command {
	var s span
	var schedule string
	cmd := &cobra.Command{
		Use: "overrides", Short: "List overrides of the next two weeks, cancelled ones too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, to, err := s.read(time.Now(), 14*24*time.Hour)
			if err != nil {
				return usage(cmd, err)
			}
			var os []rota.Override
			q := url.Values{"schedule": {schedule}, "from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
			if err := c.call(cmd.Context(), "GET", "/overrides?"+q.Encode(), nil, &os); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSCHEDULE\tFROM\tTO\tON CALL\tINSTEAD OF\tBY\tREASON")
			for _, o := range os {
				reason := o.Reason
				if o.CancelledBy != "" {
					reason = strings.TrimSpace("cancelled by " + o.CancelledBy + " " + reason)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.ID, o.Schedule, local(o.From), local(o.To), strings.Join(o.People, ", "), cmp.Or(o.Instead, "everybody"), o.By, reason)
			}
			return w.Flush()
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&schedule, "schedule", "", "only this schedule")
	return c.flags(cmd)
}

func newOncallCancel(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "cancel ID", Short: "Cancel an override, a swap or a cover request", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := "/overrides/"
			switch {
			case strings.HasPrefix(args[0], "cv_"):
				kind = "/covers/"
			case strings.HasPrefix(args[0], "sw_"):
				kind = "/swaps/"
			}
			if err := c.call(cmd.Context(), "POST", kind+url.PathEscape(args[0])+"/cancel", nil, nil); err != nil || c.json {
				return err
			}
			fmt.Printf("%s is cancelled\n", args[0])
			return nil
		},
	})
}

func newOncallCover(c *client) *cobra.Command {
	var s span
	var person, reason string
	cmd := &cobra.Command{
		Use: "cover SCHEDULE --for 4h", Short: "Ask who takes your time on call", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, err := s.read(time.Now(), 0)
			if err != nil {
				return usage(cmd, err)
			}
			var cv rota.Cover
			in := map[string]any{"schedule": args[0], "person": person, "from": from, "to": to, "reason": reason}
			if err := c.call(cmd.Context(), "POST", "/covers", in, &cv); err != nil || c.json {
				return err
			}
			fmt.Printf("%s: who covers for %s on %s from %s to %s?\n", cv.ID, cv.Person, cv.Schedule, local(cv.From), local(cv.To))
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&person, "person", "", "who wants to be covered; default you")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return c.flags(cmd)
}

func newOncallCovers(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "covers", Short: "List cover requests that are not over", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cs []rota.Cover
			if err := c.call(cmd.Context(), "GET", "/covers", nil, &cs); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "ID\tSCHEDULE\tFROM\tTO\tPERSON\tSTATE\tREASON")
			for _, cv := range cs {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cv.ID, cv.Schedule, local(cv.From), local(cv.To), cv.Person, strings.TrimSpace(string(cv.State)+" "+cv.TakenBy), cv.Reason)
			}
			return w.Flush()
		},
	})
}

func newOncallTake(c *client) *cobra.Command {
	var person string
	cmd := &cobra.Command{
		Use: "take COVER|SWAP", Short: "Take the time of a cover request, or agree to a swap", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasPrefix(args[0], "sw_") {
				var sw rota.Swap
				if err := c.call(cmd.Context(), "POST", "/swaps/"+url.PathEscape(args[0])+"/take", map[string]any{}, &sw); err != nil || c.json {
					return err
				}
				printSwap(sw)
				return nil
			}
			var cv rota.Cover
			if err := c.call(cmd.Context(), "POST", "/covers/"+url.PathEscape(args[0])+"/take", map[string]any{"person": person}, &cv); err != nil || c.json {
				return err
			}
			fmt.Printf("%s covers for %s on %s from %s to %s\n", cv.TakenBy, cv.Person, cv.Schedule, local(cv.From), local(cv.To))
			return nil
		},
	}
	cmd.Flags().StringVar(&person, "person", "", "who takes it; default you")
	return c.flags(cmd)
}

func newOncallCalendar(c *client) *cobra.Command {
	var renew bool
	cmd := &cobra.Command{
		Use: "calendar person|schedule NAME", Short: "The address of a calendar, for programs that follow one", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "person" && args[0] != "schedule" {
				return usage(cmd, fmt.Errorf("a calendar is of a person or of a schedule, not of a %s", args[0]))
			}
			method := "GET"
			if renew {
				method = "POST"
			}
			var v struct{ URL string }
			if err := c.call(cmd.Context(), method, "/calendars/"+args[0]+"/"+url.PathEscape(args[1]), nil, &v); err != nil || c.json {
				return err
			}
			fmt.Println(v.URL)
			return nil
		},
	}
	cmd.Flags().BoolVar(&renew, "renew", false, "make another address; the one before does not work any more")
	return c.flags(cmd)
}
