// Package channeltest is a provider of messages on loopback that answers as the test says, and the questions that every
// channel has to answer well: refusals, limits, a provider that hangs, is gone or broken. It is for tests only.
package channeltest
