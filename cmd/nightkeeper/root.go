package main

import (
	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "nightkeeper",
		Short:         "The incident loop as one program",
		Long:          "Nightkeeper turns telemetry into one alert, one page or none, one incident with its cause named,\na postmortem, an experiment that proves the fix, and a gate for the next release.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{exitUsage, err} })
	c := &client{}
	root.AddCommand(newDemo(), newServe(), newShop(), newValidate(), newGate(c), newIncidents(c), newPages(c), newAck(c), newApprove(c),
		newRuns(c), newOncall(c), newDeploy(c), newStatus(c), newExperiments(c))
	return root
}
