{{/* What names begin with: the release's name, with the chart's name in it once. */}}
{{- define "verdigris.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels by which pods are selected, of a list of the root and `controller` or `dashboard`. */}}
{{- define "verdigris.selector" -}}
app.kubernetes.io/name: verdigris-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{/* Labels of all objects of the release. */}}
{{- define "verdigris.release-labels" -}}
app.kubernetes.io/part-of: verdigris
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of an object, of the same list. */}}
{{- define "verdigris.labels" -}}
app.kubernetes.io/name: verdigris-{{ index . 1 }}
{{ include "verdigris.release-labels" (index . 0) }}
{{- end }}

{{/* An image, of a list of the root and the values of that image. */}}
{{- define "verdigris.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- if not (regexMatch "^sha256:[0-9a-f]{64}$" $image.digest) -}}
{{- fail (printf "the digest of the image %s is %q: a digest is sha256: and 64 hexadecimal digits" $image.repository $image.digest) -}}
{{- end -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}

{{/* Who a pod is to the API. */}}
{{- define "verdigris.account" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "verdigris.name" . }}-controller
{{- else -}}
{{- fail "serviceAccount.create is false, and serviceAccount.name does not say which ServiceAccount to use instead" -}}
{{- end -}}
{{- end }}

{{/* Which priority the controller's pods have; nothing for the cluster's default. */}}
{{- define "verdigris.priority-class" -}}
{{- if .Values.priorityClass.name -}}
{{- .Values.priorityClass.name -}}
{{- else if and .Values.priorityClass.create (not .Values.namespaced) -}}
{{- include "verdigris.name" . }}-controller
{{- end -}}
{{- end }}

{{/* A role and its binding, of a list of the root, `controller` or `dashboard`, the account, and the rules' text. */}}
{{- define "verdigris.rights" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $scope := ternary "" "Cluster" $root.Values.namespaced -}}
{{- $name := printf "%s-%s" (include "verdigris.name" $root) $component -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}Role
metadata:
  name: {{ $name }}
  {{- if $root.Values.namespaced }}
  namespace: {{ $root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "verdigris.labels" (list $root $component) | nindent 4 }}
rules:
{{ index . 3 | trim }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $scope }}RoleBinding
metadata:
  name: {{ $name }}
  {{- if $root.Values.namespaced }}
  namespace: {{ $root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "verdigris.labels" (list $root $component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $scope }}Role
  name: {{ $name }}
subjects:
- kind: ServiceAccount
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace }}
{{- end }}

{{/* Contradictions that a schema cannot put into words. */}}
{{- define "verdigris.check" -}}
{{- with .Values.instanceId -}}
{{- if not (and (le (len .) 63) (regexMatch "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$" .)) -}}
{{- fail (printf "instanceId is %q: it is a label value, at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit" .) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (has "--leader-elect=false" .Values.extraArgs) -}}
{{- fail (printf "replicas is %d and extraArgs has --leader-elect=false: all of them would act at the same time. Set replicas to 1, or let them elect a leader" (int .Values.replicas)) -}}
{{- end -}}
{{- end }}

{{/* Pod Security `restricted`, and a number for those who cannot read a name. */}}
{{- define "verdigris.pod-security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "verdigris.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
