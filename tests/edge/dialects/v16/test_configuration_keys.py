"""The table of configuration keys: complete, and the same in both directions."""

from collections import Counter

import pytest

from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2.provisioning_pb2 import DataEnum
from citrine_edge.dialects.v16.configuration_keys import (
    COMPONENT,
    KEYS,
    Key,
    VariableName,
    is_known_component,
    key_of,
    key_of_variable,
)

STANDARD = [
    # Edition 2, 9.1 to 9.4, and errata 3.83, 3.90, 3.91.
    *("AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "BlinkRepeat"),
    *("ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength"),
    *("GetConfigurationMaxKeys", "HeartbeatInterval", "LightIntensity", "LocalAuthorizeOffline", "LocalPreAuthorize"),
    *("MaxEnergyOnInvalidId", "MessageTimeout", "MeterValuesAlignedData", "MeterValuesAlignedDataMaxLength"),
    *("MeterValuesSampledData", "MeterValuesSampledDataMaxLength", "MeterValueSampleInterval"),
    *("MinimumStatusDuration", "NumberOfConnectors", "ResetRetries", "StopTransactionMaxMeterValues"),
    *("StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData"),
    *("StopTxnAlignedDataMaxLength", "StopTxnSampledData", "StopTxnSampledDataMaxLength", "SupportedFeatureProfiles"),
    *("SupportedFeatureProfilesMaxLength", "SupportedFileTransferProtocols", "TransactionMessageAttempts"),
    *("TransactionMessageRetryInterval", "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval"),
    *("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength", "ReserveConnectorZeroSupported"),
    *("ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods"),
    *("ConnectorSwitch3to1PhaseSupported", "MaxChargingProfilesInstalled"),
    # Security whitepaper, 7.
    *("AdditionalRootCertificateCheck", "AuthorizationKey", "CertificateSignedMaxChainSize"),
    *("CertificateStoreMaxLength", "CpoName", "SecurityProfile"),
]

ONLY_OF_1_6 = {
    *("BlinkRepeat", "ConnectorPhaseRotation", "ConnectorPhaseRotationMaxLength", "LightIntensity"),
    *("MeterValuesAlignedDataMaxLength", "MeterValuesSampledDataMaxLength", "NumberOfConnectors"),
    *("StopTransactionMaxMeterValues", "StopTxnAlignedDataMaxLength", "StopTxnSampledDataMaxLength"),
    *("SupportedFeatureProfiles", "SupportedFeatureProfilesMaxLength"),
}
"""Standard keys without a counterpart in the device model."""


@pytest.mark.parametrize("name", STANDARD)
def test_standard_key_is_a_variable_of_a_standard_component_or_of_its_own(name: str) -> None:
    assert (key_of(name).variable.component == COMPONENT) == (name in ONLY_OF_1_6)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_key_is_found_by_its_variable_and_by_its_name(key: Key) -> None:
    assert key_of(key.name.upper()) is key
    if key.is_limit:
        assert key_of_variable(key.variable) is None
        assert key_of_variable(VariableName(COMPONENT, key.name)) is not None
    else:
        assert key_of_variable(key.variable.folded) is key
        assert key_of_variable(VariableName(COMPONENT, key.name)) is None


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_key_has_a_type_that_variables_may_have(key: Key) -> None:
    assert number_of(DataEnum, key.data_type) is not None
    assert is_known_component(key.variable.component)


def test_no_key_and_no_variable_is_there_twice() -> None:
    names = Counter(key.name.lower() for key in KEYS)
    variables = Counter(key.variable.folded for key in KEYS)

    assert max(names.values()) == max(variables.values()) == 1


def test_other_key_is_a_variable_of_its_own_component() -> None:
    key = key_of("VendorKey")

    assert key.variable == VariableName(COMPONENT, "VendorKey")
    assert key_of_variable(VariableName("ocpp16configuration", "VendorKey")) is not None
    assert key_of_variable(VariableName(COMPONENT, "VendorKey", "instance")) is None


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_values_are_the_same_after_they_went_there_and_back(key: Key) -> None:
    for theirs, ours in key.values.items():
        assert key.to_ours(theirs) == ours
        assert key.to_theirs(ours) == theirs
