package webhook

import "nightkeeper/internal/loop/detect"

// Formats are what is taken here, by the name in the address.
func Formats() []detect.Format {
	return []detect.Format{
		{Name: "webhook", Title: "Any JSON", Path: Prefix + "webhook/TOKEN", Mapped: true, Sample: sampleWebhook, Read: generic},
		{Name: "alertmanager", Title: "Alertmanager, by webhook", Path: Prefix + "alertmanager", Sample: sampleAlertmanager, Read: alertmanager},
		{Name: "grafana", Title: "Grafana alerting", Path: Prefix + "grafana", Sample: sampleGrafana, Read: alertmanager},
		{Name: "datadog", Title: "Datadog", Path: Prefix + "datadog/TOKEN", Sample: sampleDatadog, Read: datadog},
		{Name: "cloudwatch", Title: "CloudWatch, by SNS", Path: Prefix + "cloudwatch/TOKEN", Sample: sampleCloudWatch, Read: cloudwatch},
	}
}

// onCallNames are what Grafana OnCall calls the formats in its addresses.
var onCallNames = map[string]string{"alertmanager": "alertmanager", "grafana_alerting": "grafana", "webhook": "webhook", "formatted_webhook": "webhook"}

// What each system sends, to begin a trial with.
const (
	sampleWebhook = `{
  "title": "backup failed",
  "description": "no space left on device",
  "service": "payments",
  "severity": "p2",
  "status": "firing",
  "url": "https://ci.example.org/jobs/41",
  "labels": {"host": "db-1"}
}`
	sampleAlertmanager = `{
  "version": "4",
  "groupKey": "{}:{alertname=\"DiskFull\"}",
  "truncatedAlerts": 0,
  "status": "firing",
  "receiver": "nightkeeper",
  "externalURL": "http://alertmanager.example.org",
  "alerts": [
    {
      "status": "firing",
      "labels": {"alertname": "DiskFull", "instance": "db-1", "service": "payments", "severity": "critical"},
      "annotations": {"summary": "the disk of db-1 is full", "runbook_url": "https://wiki.example.org/disk"},
      "startsAt": "2026-11-27T02:59:00Z",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "http://prometheus.example.org/graph",
      "fingerprint": "a1b2c3d4e5f60718"
    }
  ]
}`
	sampleGrafana = `{
  "receiver": "nightkeeper",
  "status": "firing",
  "orgId": 1,
  "version": "1",
  "title": "[FIRING:1] p99 is high",
  "externalURL": "https://grafana.example.org/",
  "alerts": [
    {
      "status": "firing",
      "labels": {"alertname": "p99 is high", "grafana_folder": "shop", "service": "checkout", "severity": "warning"},
      "annotations": {"summary": "checkout is slow"},
      "startsAt": "2026-11-27T02:59:00Z",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://grafana.example.org/alerting/grafana/x/view",
      "fingerprint": "c0ffee"
    }
  ]
}`
	sampleDatadog = `{
  "id": "7012345678",
  "title": "[P2] [Triggered on {host:web-1}] CPU is high",
  "body": "cpu is above 90 %",
  "link": "https://app.datadoghq.com/monitors/42",
  "tags": "env:prod,service:web",
  "hostname": "web-1",
  "alert_id": "42",
  "alert_cycle_key": "991234",
  "alert_transition": "Triggered",
  "alert_type": "error",
  "alert_priority": "P2"
}`
	sampleCloudWatch = `{
  "Type": "Notification",
  "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
  "Subject": "ALARM: \"cpu-high\" in EU (Frankfurt)",
  "Message": "{\"AlarmName\":\"cpu-high\",\"AlarmDescription\":\"web is hot\",\"AWSAccountId\":\"123456789012\",\"NewStateValue\":\"ALARM\",\"NewStateReason\":\"Threshold Crossed\",\"StateChangeTime\":\"2026-11-27T02:59:58.123+0000\",\"Region\":\"EU (Frankfurt)\",\"AlarmArn\":\"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:cpu-high\",\"OldStateValue\":\"OK\",\"Trigger\":{\"MetricName\":\"CPUUtilization\",\"Namespace\":\"AWS/EC2\",\"Dimensions\":[{\"value\":\"i-1\",\"name\":\"InstanceId\"}]}}",
  "Timestamp": "2026-11-27T03:00:00.000Z",
  "SignatureVersion": "2",
  "Signature": "…",
  "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-….pem"
}`
)
