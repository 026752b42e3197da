"""How connections, devices, tags and the rest look in the API, and what of it can be set."""

from sealbus.web.devices.serializers.configured import ConnectionForm, DeviceForm, TagForm
from sealbus.web.devices.serializers.site import AllowedNetworkForm, RetentionForm, SerialPatternForm

__all__ = [
    "AllowedNetworkForm",
    "ConnectionForm",
    "DeviceForm",
    "RetentionForm",
    "SerialPatternForm",
    "TagForm",
]
