{{- define "imgd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "imgd.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "imgd.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "imgd.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "imgd.selector" -}}
app.kubernetes.io/name: {{ include "imgd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "imgd.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "imgd.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "imgd.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "imgd.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "imgd.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "imgd.secret" -}}
{{- .Values.secret.existing | default (include "imgd.fullname" .) -}}
{{- end -}}

{{/* A number of a values file is a float, and would be written as 2.68e+08. */}}
{{- define "imgd.text" -}}
{{- if kindIs "float64" . -}}{{- printf "%.0f" . -}}{{- else -}}{{- toString . -}}{{- end -}}
{{- end -}}

{{/* What of the secret a role gets: a list of variables with their keys. */}}
{{- define "imgd.secretsOf" -}}
{{- $role := .role -}}
{{- $got := list -}}
{{- range $variable, $v := .root.Values.secret.variables -}}
{{- if and $v (has $role $v.roles) -}}
{{- $got = append $got (dict "variable" $variable "key" $v.key) -}}
{{- end -}}
{{- end -}}
{{- toJson $got -}}
{{- end -}}

{{/* The variables of a role: the chart's, then the settings of all, then its own. */}}
{{- define "imgd.env" -}}
{{- $root := .root -}}
{{- $set := dict "IMGD_METRICS_LISTEN" ":9090" "IMGD_TMP_DIR" "/tmp" "IMGD_MIGRATE" "check" "IMGD_GRACE" (printf "%vs" $root.Values.grace) "IMGD_DRAIN_DELAY" "0s" -}}
{{- if has .role (list "api" "serve") -}}
{{- $_ := set $set "IMGD_LISTEN" ":8080" -}}
{{- $_ := set $set "IMGD_DRAIN_DELAY" (printf "%vs" $root.Values.drainDelay) -}}
{{- if $root.Values.presets -}}
{{- $_ := set $set "IMGD_PRESETS" "/etc/imgd/presets.yaml" -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := mergeOverwrite (deepCopy $root.Values.settings) (deepCopy (default dict .settings)) -}}
{{- if hasKey $root.Values.secret.variables $name -}}
{{- fail (printf "%s is a secret: put it into the Secret, under the key that secret.variables names" $name) -}}
{{- end -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $set $name (include "imgd.text" $value) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $set | sortAlpha }}
- name: {{ $name }}
  value: {{ get $set $name | quote }}
{{- end }}
{{- include "imgd.secretEnv" . }}
{{- end -}}

{{- define "imgd.secretEnv" -}}
{{- range include "imgd.secretsOf" . | fromJsonArray }}
- name: {{ .variable }}_FILE
  value: /run/secrets/imgd/{{ .key }}
{{- end }}
{{- end -}}

{{/* The volume that holds the secrets of a role, and no others. */}}
{{- define "imgd.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ include "imgd.secret" .root }}
    defaultMode: 0440
    items:
      {{- range include "imgd.secretsOf" . | fromJsonArray }}
      - { key: {{ .key }}, path: {{ .key }} }
      {{- end }}
{{- end -}}

{{- define "imgd.migrateContainer" -}}
name: migrate
image: {{ include "imgd.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [migrate, up]
env:
  {{- include "imgd.secretEnv" (dict "root" .root "role" "migrate") | nindent 2 }}
resources:
  {{- toYaml .root.Values.migrate.resources | nindent 2 }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
volumeMounts:
  - { name: {{ .volume }}, mountPath: /run/secrets/imgd, readOnly: true }
  - { name: tmp, mountPath: /tmp }
{{- end -}}

{{/* The template of a Deployment's pods. */}}
{{- define "imgd.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $own := index $values .role -}}
{{- $scope := dict "root" $root "role" .role "settings" $own.settings "name" "secrets" -}}
{{- $secrets := include "imgd.secretsOf" $scope | fromJsonArray -}}
{{- $answers := has .role (list "api" "serve") -}}
{{- $files := and $answers (or $values.presets $values.files) -}}
{{- $init := and (eq $values.migrate.mode "init") (ne .role "serve") -}}
metadata:
  labels:
    {{- include "imgd.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with $own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- if $files }}
    checksum/files: {{ toJson (list $values.presets $values.files) | sha256sum }}
    {{- end }}
    {{- if and $secrets (not $values.secret.existing) }}
    checksum/secret: {{ toJson $values.secret.values | sha256sum }}
    {{- end }}
    {{- if $values.metrics.annotate }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "9090"
    prometheus.io/path: /metrics
    {{- end }}
    kubectl.kubernetes.io/default-container: imgd
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "imgd.serviceAccount" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $values.grace (ternary $values.drainDelay 0 $answers) 10 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- if $init }}
  initContainers:
    - {{- include "imgd.migrateContainer" (dict "root" $root "volume" "migrate-secrets") | nindent 6 }}
  {{- end }}
  containers:
    - name: imgd
      image: {{ include "imgd.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [{{ .role }}]
      env:
        {{- include "imgd.env" $scope | nindent 8 }}
      ports:
        {{- if $answers }}
        - { name: http, containerPort: 8080, protocol: TCP }
        {{- end }}
        - { name: metrics, containerPort: 9090, protocol: TCP }
      {{- range $kind, $path := dict "startupProbe" "/livez" "livenessProbe" "/livez" "readinessProbe" "/readyz" }}
      {{ $kind }}:
        httpGet: { path: {{ $path }}, port: metrics }
        {{- toYaml (index $values $kind) | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if $secrets }}
        - { name: secrets, mountPath: /run/secrets/imgd, readOnly: true }
        {{- end }}
        {{- if $files }}
        - { name: files, mountPath: /etc/imgd, readOnly: true }
        {{- end }}
        {{- if eq .role "serve" }}
        - { name: data, mountPath: /var/lib/imgd }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: {{ $values.tmp.sizeLimit }}
        {{- with $values.tmp.medium }}
        medium: {{ . }}
        {{- end }}
    {{- if $secrets }}
    {{- include "imgd.secretVolume" $scope | nindent 4 }}
    {{- end }}
    {{- if $init }}
    {{- include "imgd.secretVolume" (dict "root" $root "role" "migrate" "name" "migrate-secrets") | nindent 4 }}
    {{- end }}
    {{- if $files }}
    - name: files
      configMap: { name: {{ include "imgd.fullname" $root }} }
    {{- end }}
    {{- if eq .role "serve" }}
    - name: data
      persistentVolumeClaim: { claimName: {{ $own.persistence.existingClaim | default (include "imgd.fullname" $root) }} }
    {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if $own.topologySpreadConstraints }}
    {{- toYaml $own.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "imgd.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.role }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- end }}
{{- end -}}
