"""Microsoft's codes: OData errors of Azure Resource Manager, Graph and Azure's data services.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors,
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes, https://learn.microsoft.com/graph/errors
and https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import table

CODES = table(
    (m.EXPIRED, "ExpiredAuthenticationToken TokenExpired AuthenticationTokenExpired"),
    (m.INVALID, "InvalidAuthenticationTokenTenant InvalidAuthenticationInfo InvalidAuthenticationTokenAudience"),
    (
        m.INVALID,
        "AuthorizationFailed LinkedAuthorizationFailed Authorization_RequestDenied InsufficientAccountPermissions",
    ),
    (
        m.INVALID,
        "AuthorizationPermissionMismatch AuthorizationServiceMismatch AuthorizationResourceTypeMismatch AuthorizationSourceIPMismatch",
    ),
    (
        m.INVALID,
        "AccountIsDisabled ReadOnlyDisabledSubscription SubscriptionNotRegistered MissingSubscriptionRegistration DisallowedOperation",
    ),
    (
        m.INVALID,
        "RequestDisallowedByPolicy ErrorAccessDenied InvalidSubscriptionId SubscriptionNotFound NoAuthenticationInformation",
    ),
    (m.DENIED, "AuthenticationFailed InvalidAuthenticationToken accessDenied unauthenticated Forbidden Unauthorized"),
    (
        m.BURST,
        "TooManyRequests SubscriptionRequestsThrottled ResourceRequestsThrottled OperationNotAllowedThrottled ServerBusy",
    ),
    (
        m.BURST,
        "ApplicationThrottled activityLimitReached tooManyRetries bandwidthLimitExceeded OperationBudgetExceeded ErrorServerBusy",
    ),
    (m.BURST, "RequestRateTooLarge ErrorExceededConnectionCount AccountThrottled"),
    (
        m.BAD_INPUT,
        "QuotaExceeded OperationNotAllowed SkuNotAvailable ResourceQuotaExceeded quotaLimitReached Request_BadRequest",
    ),
    (
        m.BAD_INPUT,
        "InvalidRequestContent InvalidTemplate InvalidResource InvalidRequestFormat ErrorInvalidRequest RequestBodyTooLarge",
    ),
    (
        m.BAD_INPUT,
        "ErrorQuotaExceeded MissingRequiredHeader ErrorMessageSizeExceeded InvalidHeaderValue Md5Mismatch maxFileSizeExceeded",
    ),
    (
        m.ROUTE,
        "InvalidApiVersionParameter NoRegisteredProviderFound InvalidResourceType notSupportedMethod UnsupportedHttpVerb",
    ),
    (m.ROUTE, "ResourceTypeNotSupported ModelDeprecated DeprecatedModel"),
    (
        m.MISSING,
        "ResourceNotFound ResourceGroupNotFound itemNotFound ErrorItemNotFound BlobNotFound ContainerNotFound QueueNotFound",
    ),
    (
        m.MISSING,
        "Request_ResourceNotFound ParentResourceNotFound TableNotFound ShareNotFound MessageNotFound ErrorFolderNotFound",
    ),
    (m.MISSING, "NotFound EntityNotFound SecretNotFound KeyNotFound CertificateNotFound DeploymentNotFound"),
    (
        m.DUPLICATE,
        "nameAlreadyExists EntityAlreadyExists ContainerAlreadyExists BlobAlreadyExists ShareAlreadyExists QueueAlreadyExists",
    ),
    (m.DUPLICATE, "ResourceAlreadyExists StorageAccountAlreadyTaken NameConflict RoleAssignmentExists"),
    (
        m.STATE,
        "UpdateConditionNotSatisfied ConditionNotMet TargetConditionNotMet SequenceNumberConditionNotMet ErrorIrresolvableConflict",
    ),
    (
        m.STATE,
        "preconditionFailed resyncRequired resyncApplyDifferences resyncUploadDifferences SyncStateNotFound syncStateInvalid",
    ),
    (
        m.STATE,
        "ErrorIncorrectUpdatePropertyCount LeaseIdMissing LeaseIdMismatchWithBlobOperation LeaseLost InvalidBlobType ErrorInvalidSyncStateData",
    ),
    (m.STATE, "PopReceiptMismatch ContainerBeingDeletedState ScopeLocked ReferencesExist"),
    (
        m.LOCKED,
        "ResourceLocked resourceLocked AnotherOperationInProgress OperationInProgress RetryableError ContainerBeingDeleted",
    ),
    (
        m.LOCKED,
        "LeaseAlreadyPresent ShareBeingDeleted QueueBeingDeleted TableBeingDeleted ResourceGroupBeingDeleted AccountBeingCreated",
    ),
    (
        m.LOCKED,
        "ConflictError InUse ConcurrentOperationInProgress ErrorConcurrentOperation lockMismatch ConcurrencyConflict",
    ),
    (m.TIMEOUT_ANYWHERE, "OperationTimedOut"),
    (m.OVERLOADED, "serviceNotAvailable ServerTooBusy"),
    (m.UNAVAILABLE, "ServiceUnavailable ErrorMailboxStoreUnavailable ErrorInternalServerTransientError"),
    (m.BROKEN, "InternalError InternalServerError generalException UnknownError ErrorInternalServerError"),
    (m.FULL, "insufficientStorage AccountStorageFull DatabaseStorageFull"),
)
